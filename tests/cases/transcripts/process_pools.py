"""Pools of processes beside those of threads: what is caught, and what is an instance of what."""

import asyncio
import concurrent.futures
import os
import time
from concurrent.futures.process import BrokenProcessPool

from prelude import say, trial


async def main():
    loop = asyncio.get_running_loop()
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        say(await loop.run_in_executor(pool, abs, -3))
        say(await asyncio.wrap_future(pool.submit(pow, 2, 5)))


if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        blocking = pool.submit(time.sleep, 0.2)
        waiting = [pool.submit(abs, -n) for n in range(4)]
        say(waiting[-1].cancel())
        try:
            waiting[-1].result()
        except concurrent.futures.CancelledError:
            say("cancelled")
        say(isinstance(blocking, concurrent.futures.Future), isinstance(pool, concurrent.futures.Executor))
        try:
            blocking.result(timeout=0)
        except concurrent.futures.TimeoutError:
            say("timeout")
        done, pending = concurrent.futures.wait([blocking, *waiting[:-1]])
        say(len(done), len(pending))
        say(sorted(f.result() for f in concurrent.futures.as_completed(waiting[:-1])))
        say(list(pool.map(abs, range(-4, 0), chunksize=2)))
        trial(pool.submit(int, "x").result)
        trial(pool.submit(int, "x").exception)
    say(issubclass(BrokenProcessPool, concurrent.futures.BrokenExecutor))
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        try:
            pool.submit(os._exit, 3).result()
        except concurrent.futures.BrokenExecutor as error:
            say(type(error).__name__)
    asyncio.run(main())
    pools = concurrent.futures.ThreadPoolExecutor(1), concurrent.futures.ProcessPoolExecutor(1)
    with pools[0] as threads, pools[1] as processes:
        both = [threads.submit(abs, -1), processes.submit(abs, -2)]
        say(sorted(f.result() for f in concurrent.futures.as_completed(both)))
        say(len(concurrent.futures.wait(both).done))
