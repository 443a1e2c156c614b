"""Start and join children of an empty function, one after the other: MODULE METHOD CHILDREN.

Prints the nanoseconds that all of them took, and how many ended well.  What a start costs depends on the main
module, which is this one, small, for both sides.
"""

import importlib
import sys
import time

multiprocessing = importlib.import_module(sys.argv[1])


def nothing():
    pass


def start_and_join(context):
    child = context.Process(target=nothing)
    child.start()
    child.join()
    return child.exitcode


if __name__ == "__main__":
    chosen, children = multiprocessing.get_context(sys.argv[2]), int(sys.argv[3])
    start_and_join(chosen)  # helpers that are started once
    begin = time.perf_counter_ns()
    codes = [start_and_join(chosen) for _ in range(children)]
    print(time.perf_counter_ns() - begin, codes.count(0))
