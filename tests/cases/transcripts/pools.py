"""What programs do with Future and ThreadPoolExecutor beyond the documented."""

import asyncio
import concurrent.futures
import concurrent.futures.thread
import contextvars
import logging
import threading

from prelude import say, trial

Future = concurrent.futures.Future
future = Future()
say(future._state, future._waiters, future._done_callbacks, future._result, future._exception)
say(future.running(), future.done(), future.cancelled())
with future._condition:
    future._state = "RUNNING"
    future._condition.notify_all()
say(future.running(), future.cancel())
called = []
future.add_done_callback(called.append)
say(len(future._done_callbacks))
future._done_callbacks.clear()
future.set_result(3)
say(called, future.result(), future.exception())
trial(lambda: future.set_result(4))
trial(lambda: future.set_exception(ValueError()))
say(future.cancel())
trial(Future().set_running_or_notify_cancel)
cancelled = Future()
say(cancelled.cancel(), cancelled.cancel(), cancelled.cancelled(), cancelled._state)
say(cancelled.set_running_or_notify_cancel(), cancelled._state)
trial(cancelled.set_running_or_notify_cancel)
trial(cancelled.result)
trial(cancelled.exception)
trial(lambda: Future().result(0.01))
trial(lambda: Future().exception(timeout=0))
failed = Future()
failed.set_exception(KeyError("k"))
trial(failed.result)
say(repr(failed.exception()), repr(failed).partition("state=")[2])
odd = Future()
odd.set_exception("not an exception")
trial(odd.result)
order = []
many = Future()
for n in range(3):
    many.add_done_callback(lambda f, n=n: order.append(n))
many.add_done_callback(lambda f: 1 / 0)
many.add_done_callback(lambda f: order.append("last"))
logging.getLogger("concurrent.futures").addHandler(logging.NullHandler())
logging.getLogger("concurrent.futures").propagate = False
many.set_result(1)
say(order)
done, pending = concurrent.futures.wait([many, failed, Future()], timeout=0.01)
say(len(done), len(pending))
say(concurrent.futures.wait([many, many], return_when="FIRST_COMPLETED").not_done)
trial(lambda: concurrent.futures.wait([many], return_when="x"))
trial(lambda: list(concurrent.futures.as_completed([Future()], timeout=0.01)))
trial(lambda: [f.result() for f in concurrent.futures.as_completed([many, many])])


class Tracked(Future):
    def __init__(self, *args):
        super().__init__()
        self.log = []

    def set_result(self, result):
        self.log.append(result)
        super().set_result(result)

    def _invoke_callbacks(self):
        self.log.append("callbacks")
        super()._invoke_callbacks()

    def cancel(self):
        self.log.append("cancel")
        return super().cancel()


tracked = Tracked()
tracked.set_result(5)
say(tracked.log, tracked.result())


class Pool(concurrent.futures.ThreadPoolExecutor):
    def submit(self, function, /, *args, **kwargs):
        context = contextvars.copy_context()
        return super().submit(context.run, function, *args, **kwargs)


variable = contextvars.ContextVar("variable", default="none")
variable.set("set")
with Pool(1, thread_name_prefix="own", initializer=lambda *a: say("initializer", a), initargs=(1,)) as pool:
    say(pool.submit(variable.get).result(), pool.submit(lambda: threading.current_thread().name).result())
    say(list(pool.map(pow, [1, 2], [3, 4])), pool._max_workers, len(pool._threads), pool._shutdown)
    say(pool._thread_name_prefix, pool._work_queue.qsize(), pool._broken)
    say(all(t in concurrent.futures.thread._threads_queues for t in pool._threads))
    say({t.daemon for t in pool._threads}, all(isinstance(t, threading.Thread) for t in pool._threads))
trial(lambda: pool.submit(int))
say(pool._shutdown)
trial(lambda: concurrent.futures.ThreadPoolExecutor(0))
trial(lambda: concurrent.futures.ThreadPoolExecutor("2"))
trial(lambda: concurrent.futures.ThreadPoolExecutor(1, initializer=3))
trial(lambda: concurrent.futures.ThreadPoolExecutor(1).submit())
trial(lambda: concurrent.futures.ThreadPoolExecutor(1).map(int, [1], timeout="x"))
trial(lambda: concurrent.futures.Executor().submit(int))
say(concurrent.futures.thread._shutdown, concurrent.futures.ThreadPoolExecutor()._max_workers > 0)


def broken():
    raise OSError("no database")


logging.disable()
breaking = concurrent.futures.ThreadPoolExecutor(1, initializer=broken)
trial(lambda: breaking.submit(int).result(10))
trial(lambda: breaking.submit(int))
logging.disable(logging.NOTSET)
gate = threading.Event()
lazy = concurrent.futures.ThreadPoolExecutor(1)
first = lazy.submit(gate.wait)
rest = [lazy.submit(int) for _ in range(3)]
lazy.shutdown(wait=False, cancel_futures=True)
say([f.cancelled() for f in rest])
gate.set()
say(first.result())


class Custom(concurrent.futures.Executor):
    def submit(self, function, /, *args, **kwargs):
        f = Future()
        f.set_result(function(*args, **kwargs))
        return f


with Custom() as own:
    say(list(own.map(str, range(3))))


async def main():
    loop = asyncio.get_running_loop()
    say(await loop.run_in_executor(None, pow, 2, 5))
    say(await asyncio.wrap_future(done_future(7)))
    say(await asyncio.to_thread(variable.get))
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        say(await asyncio.gather(*(loop.run_in_executor(executor, int, n) for n in "123")))
    f = asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "slept"), loop)
    say(isinstance(f, concurrent.futures.Future), await asyncio.wrap_future(f))
    try:
        await asyncio.wait_for(asyncio.wrap_future(Future()), 0.01)
    except asyncio.TimeoutError:
        say("timeout")
    outer = Future()
    inner = asyncio.wrap_future(outer)
    inner.cancel()
    await asyncio.sleep(0)
    say(outer.cancelled())
    f = loop.run_in_executor(None, lambda: 1 / 0)
    try:
        await f
    except ZeroDivisionError as error:
        say(error)


def done_future(value):
    f = Future()
    f.set_result(value)
    return f


asyncio.run(main())
leftover = concurrent.futures.ThreadPoolExecutor(1)
leftover.submit(lambda: say("one more"))
