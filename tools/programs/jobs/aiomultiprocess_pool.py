"""aiomultiprocess: processes, workers and pools of coroutines; an error, a time-out; each start method."""

import asyncio

from aiomultiprocess import Pool, Process, Worker, set_start_method
from aiomultiprocess.types import ProxyException


async def double(value):
    await asyncio.sleep(0.01)
    return value * 2


async def fails(value):
    raise ValueError(f"no {value}")


async def sleeps():
    await asyncio.sleep(60)


async def one_by_one(method):
    child = Process(target=double, args=(3,))
    child.start()
    await child.join()
    print(method, "exit", child.exitcode, "worker", await Worker(target=double, args=(4,)))
    child = Process(target=sleeps)
    child.start()
    try:
        await child.join(0.3)
    except asyncio.TimeoutError:
        child.terminate()
    await child.join()
    print(method, "terminated", child.exitcode)


async def pooled(method):
    async with Pool(processes=2, childconcurrency=4, maxtasksperchild=20) as pool:
        print(method, await pool.map(double, range(60)))
        try:
            await pool.apply(fails, (5,))
        except ProxyException as error:
            print(method, str(error).strip().splitlines()[-1])


async def main():
    for method in ("fork", "spawn", "forkserver"):
        set_start_method(method)
        await one_by_one(method)
        await pooled(method)


if __name__ == "__main__":
    asyncio.run(main())
