"""pebble's pools: results, a timeout that ends the worker, a cancelled call, a crash, decorators."""

import concurrent.futures
import os
import time

from pebble import ProcessExpired, ProcessPool, ThreadPool
from pebble import concurrent as pebble_concurrent


def square(number):
    return number * number


def endless():
    while True:
        time.sleep(0.01)


def crash():
    os._exit(3)


def error_of(future):
    try:
        return future.result(timeout=60)
    except (concurrent.futures.CancelledError, concurrent.futures.TimeoutError, ProcessExpired) as error:
        return type(error).__name__


@pebble_concurrent.thread
def in_thread(number):
    return number + 1


def main():
    with ProcessPool(max_workers=2, max_tasks=4) as pool:
        print("map", list(pool.map(square, range(50), chunksize=3).result()))
        print("timeout", error_of(pool.schedule(endless, timeout=0.5)))
        print("crash", error_of(pool.schedule(crash)))
        print("after", pool.schedule(square, args=[9]).result(timeout=60))
        running = pool.schedule(endless)
        while not running.running():
            time.sleep(0.01)
        running.cancel()
        print("cancelled", error_of(running))
    with ThreadPool(max_workers=2) as pool:
        print("threads", list(pool.map(square, range(20)).result()))
    print("decorator", in_thread(4).result(timeout=60))


if __name__ == "__main__":
    main()
