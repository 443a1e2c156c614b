"""Make an executor of processes and wait for its first result, again and again.

Arguments: MODULE CONTEXTS METHOD TIMES; CONTEXTS is the package whose get_context() is asked.  Prints the
nanoseconds that all of them took, and how many results were right.  A spawned worker loads the main module,
which is this one, small, for both sides.
"""

import importlib
import sys
import time

if __name__ == "__main__":
    futures = importlib.import_module(sys.argv[1])
    context = importlib.import_module(sys.argv[2]).get_context(sys.argv[3])
    elapsed = right = 0
    for number in range(int(sys.argv[4]) + 1):
        begin = time.perf_counter_ns()
        executor = futures.ProcessPoolExecutor(2, context)
        result = executor.submit(abs, -number).result()
        spent = time.perf_counter_ns() - begin
        executor.shutdown()
        if number:  # in the first one helpers are started, and modules imported
            elapsed, right = elapsed + spent, right + (result == number)
    print(elapsed, right)
