"""asyncio with our futures and pools."""

import asyncio
import concurrent.futures
import contextvars
import sys
import threading

import pytest

import hasten.futures


@pytest.fixture
def pool():
    with hasten.futures.ThreadPoolExecutor(3, "ours") as pool:
        yield pool


def name_of_thread(*args):
    return threading.current_thread().name


def test_run_in_executor(pool):
    async def main():
        loop = asyncio.get_running_loop()
        names = await asyncio.gather(*(loop.run_in_executor(pool, name_of_thread, n) for n in range(20)))
        return set(names)

    assert {name.rpartition("_")[0] for name in asyncio.run(main())} == {"ours"}


def test_run_in_executor_raises(pool):
    async def main():
        with pytest.raises(ZeroDivisionError):
            await asyncio.get_running_loop().run_in_executor(pool, divmod, 1, 0)

    asyncio.run(main())


def test_default_executor():
    pool = hasten.futures.ThreadPoolExecutor(2, "default")

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(pool)
        names = [await loop.run_in_executor(None, name_of_thread), await asyncio.to_thread(name_of_thread)]
        await loop.shutdown_default_executor()
        return names

    assert {name.rpartition("_")[0] for name in asyncio.run(main())} == {"default"}
    assert pool._shutdown
    assert not any(thread.is_alive() for thread in pool._threads)


def test_run_shuts_the_default_executor_down():
    pool = hasten.futures.ThreadPoolExecutor(2)

    async def main():
        asyncio.get_running_loop().set_default_executor(pool)
        return await asyncio.to_thread(len, "abc")

    assert asyncio.run(main()) == 3
    assert pool._shutdown


def test_what_is_no_thread_pool_is_refused():
    async def main():
        with pytest.raises(TypeError):
            asyncio.get_running_loop().set_default_executor(object())

    if sys.version_info >= (3, 11):
        asyncio.run(main())


@pytest.mark.parametrize("early", [True, False])
def test_wrap_future(early, spawn):
    async def main():
        result, error = hasten.futures.Future(), hasten.futures.Future()
        cancelled = hasten.futures.Future()

        def end():
            result.set_result(5)
            error.set_exception(KeyError("why"))
            cancelled.cancel()

        if early:
            end()
        wrapped = [asyncio.wrap_future(future) for future in (result, error, cancelled)]
        if not early:
            spawn(end)
        assert await wrapped[0] == 5
        with pytest.raises(KeyError, match="why"):
            await wrapped[1]
        with pytest.raises(asyncio.CancelledError):
            await wrapped[2]

    asyncio.run(main())


def test_cancelling_reaches_our_future():
    async def main():
        pending, running = hasten.futures.Future(), hasten.futures.Future()
        running.set_running_or_notify_cancel()
        wrapped = [asyncio.wrap_future(future) for future in (pending, running)]
        for future in wrapped:
            future.cancel()
        await asyncio.wait(wrapped)
        assert pending.cancelled()
        assert running.running()
        running.set_result(1)

    asyncio.run(main())


def test_cancelled_before_it_runs(pool):
    """A task that waits for a worker is taken back."""

    async def main():
        loop, gate = asyncio.get_running_loop(), threading.Event()
        busy = [loop.run_in_executor(pool, gate.wait) for _ in range(3)]
        ran = []
        waiting = loop.run_in_executor(pool, ran.append, 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0)  # the loop passes it on
        gate.set()
        assert await asyncio.gather(*busy) == [True] * 3
        await loop.run_in_executor(pool, len, "")
        assert ran == []

    asyncio.run(main())


def test_timeout(pool):
    async def main():
        gate = threading.Event()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(pool, gate.wait), 0.01)
        gate.set()

    asyncio.run(main())


def test_run_coroutine_threadsafe(impl, pool):
    """A future that asyncio makes, in our functions; from a task of ours."""

    async def answer(value):
        await asyncio.sleep(0)
        return value

    async def main():
        loop = asyncio.get_running_loop()

        def task():
            futures = [asyncio.run_coroutine_threadsafe(answer(n), loop) for n in range(5)]
            assert impl.wait(futures, 30).not_done == set()
            return sorted(future.result() for future in impl.as_completed(futures, 30))

        return await loop.run_in_executor(pool, task)

    assert asyncio.run(main()) == list(range(5))


def test_context_variables_of_to_thread():
    variable = contextvars.ContextVar("variable")

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(hasten.futures.ThreadPoolExecutor(1))
        variable.set("mine")
        return await asyncio.to_thread(variable.get)

    assert asyncio.run(main()) == "mine"


def test_futures_of_subclasses(spawn):
    class Future(hasten.futures.Future):
        pass

    async def main():
        future = Future()
        spawn(future.set_result, 5)
        return await asyncio.wrap_future(future)

    assert asyncio.run(main()) == 5
    assert asyncio.isfuture(Future()) is False


def test_the_librarys_functions_over_a_pool_of_ours(pool):
    futures = [pool.submit(pow, number, 2) for number in range(100)]
    assert concurrent.futures.wait(futures, 30).done == set(futures)
    futures = [pool.submit(pow, number, 2) for number in range(100)]
    found = {future.result() for future in concurrent.futures.as_completed(futures, 30)}
    assert found == {number**2 for number in range(100)}


def test_many_at_once(pool):
    async def main():
        loop = asyncio.get_running_loop()
        return sum(await asyncio.gather(*(loop.run_in_executor(pool, pow, n, 1) for n in range(2000))))

    assert asyncio.run(main()) == sum(range(2000))
