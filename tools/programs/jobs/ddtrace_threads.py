"""ddtrace: patched futures and threads carry the trace; its profiler samples threads and locks to the end."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import ddtrace
from ddtrace.profiling import Profiler
from ddtrace.trace import tracer

ddtrace.patch(futures=True, subprocess=True)


def identity(number):
    return tracer.current_span() is not None, number


def main():
    profiler = Profiler()
    profiler.start()
    with tracer.trace("all"), ThreadPoolExecutor(2) as pool:
        print(list(pool.map(identity, range(20))))
    lock, count = threading.Lock(), []

    def add():
        for _ in range(1000):
            with lock:
                count.append(1)

    workers = [threading.Thread(target=add) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(len(count))
    print(subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True).stdout)
    profiler.stop(flush=False)


if __name__ == "__main__":
    main()
