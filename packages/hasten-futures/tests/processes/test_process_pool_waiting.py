"""Who waits for one call takes its result by itself; whatever comes in between, nobody waits in vain.

Each test begins with a few calls that are waited for: after these the result thread stands by.
"""

from __future__ import annotations

import _thread
import os
import signal
import threading
import time
from typing import Any

import pytest
from support import pool_targets as targets
from support.process_pools import kill
from support.tasks import LONG, until

pytestmark = pytest.mark.ours
SHORT = 5.0  # seconds: far more than is waited for in vain if the result thread is not recalled


@pytest.fixture
def pool(new_pool: Any) -> Any:
    return settled(new_pool(on_crash="fail-task"))


def settled(pool: Any) -> Any:
    """The pool, whose result thread stands by."""
    until(lambda: pool.submit(targets.square, 3).result(LONG) == 9 and pool._engine.pumper.standing_by)
    return pool


def somebody_waits(pool: Any) -> bool:
    """Whether somebody does where results arrive; on a busy machine, the result thread is back there."""
    return pool._engine.pumper.caller or pool._engine.pumper.at_ring


def test_results_and_exceptions(pool: Any) -> None:
    for n in range(50):
        assert pool.submit(targets.square, n).result(LONG) == n * n
        assert pool.submit(targets.square, n).exception(LONG) is None
    for n in range(20):
        assert str(pool.submit(targets.fail, n).exception(LONG)) == f"no {n}"
        assert pool.submit(targets.grown, bytes(200_000), n).result(LONG)[-1] == n


def test_what_cannot_be_unpickled(pool: Any) -> None:
    """The result thread tries again, and decides: also where unpickling calls sys.exit()."""
    for function in (targets.leaver, targets.trap, targets.leaver):
        assert "unpickled" in str(settled(pool).submit(function).exception(SHORT))


def test_timeouts(pool: Any, impl: Any) -> None:
    future = pool.submit(targets.nap, 0.3, 7)
    for seconds in (0, 0.001, 0.03):
        begin = time.monotonic()
        with pytest.raises(impl.TimeoutError):
            future.result(seconds)
        assert time.monotonic() - begin >= seconds
    assert future.result(LONG) == 7


def test_asking_without_waiting(pool: Any) -> None:
    future = pool.submit(targets.square, 3)
    until(future.done)
    assert future.result(0) == 9


def test_callbacks_and_functions_that_wait(pool: Any, impl: Any) -> None:
    called = threading.Event()
    pool.submit(targets.square, 3).add_done_callback(lambda future: called.set())
    assert called.wait(SHORT)
    assert settled(pool)
    future = pool.submit(targets.square, 4)
    assert impl.wait([future], SHORT).done == {future}
    assert settled(pool)
    assert [future.result() for future in impl.as_completed([pool.submit(targets.square, 5)], SHORT)] == [25]


def test_a_callback_that_is_added_while_somebody_waits(pool: Any, spawn: Any) -> None:
    future = pool.submit(targets.nap, 0.1, 7)
    waits = spawn(future.result, LONG)
    until(lambda: somebody_waits(pool))
    called: list[Any] = []
    future.add_done_callback(called.append)
    assert waits.result() == 7
    until(lambda: called == [future])


def test_several_who_wait(pool: Any, spawn: Any) -> None:
    """For the same future, and for others; results come in any order."""
    for _ in range(5):
        settled(pool)
        slow = pool.submit(targets.nap, 0.05, 1)
        first = spawn(slow.result, LONG)
        until(lambda: somebody_waits(pool))
        quick = [pool.submit(targets.nap, 0.001, n) for n in range(5)]
        others = [spawn(future.result, LONG) for future in [*quick, slow]]
        assert [task.result() for task in others] == [0, 1, 2, 3, 4, 1]
        assert first.result() == 1


def test_threads_that_call_at_once(pool: Any, spawn: Any) -> None:
    def body(base: int) -> bool:
        return all(pool.submit(targets.add, base, n).result(LONG) == base + n for n in range(150))

    tasks = [spawn(body, base) for base in range(3)]
    assert all(task.result() for task in tasks)


@pytest.mark.parametrize("policy", ["break", "fail-task"])
def test_a_worker_that_dies_while_somebody_waits(new_pool: Any, policy: str) -> None:
    pool = settled(new_pool(on_crash=policy))
    error = pool.submit(targets.kill_self).exception(SHORT)
    assert "SIGKILL" in str(error)


def test_one_that_is_killed_while_somebody_waits(pool: Any, spawn: Any) -> None:
    future = pool.submit(targets.nap, 60)
    waits = spawn(future.exception, LONG)
    until(lambda: somebody_waits(pool))
    until(future.running)
    for process in list(pool._processes.values()):
        kill(process)
    assert "SIGKILL" in str(waits.result(SHORT))


def test_a_call_that_is_made_again(new_pool: Any, tmp_path: Any) -> None:
    pool = settled(new_pool(on_crash="retry", max_retries=3))
    assert pool.submit(targets.die_until, str(tmp_path), 3).result(LONG) == 3


def test_a_call_that_takes_too_long(pool: Any) -> None:
    error = pool.options(timeout=0.1).submit(targets.nap, 60).exception(SHORT)
    assert type(error).__name__ == "TimeoutError"


def test_one_that_is_cancelled_while_somebody_waits(pool: Any, spawn: Any, impl: Any) -> None:
    future = pool.submit(targets.nap, 60)
    waits = spawn(future.exception, LONG)
    until(lambda: somebody_waits(pool))
    until(future.running)
    assert future.cancel(kill=True)
    with pytest.raises(impl.CancelledError):
        waits.result(SHORT)


def test_shutdown_while_somebody_waits(pool: Any, spawn: Any) -> None:
    future = pool.submit(targets.nap, 0.1, 7)
    waits = spawn(future.result, LONG)
    until(lambda: somebody_waits(pool))
    pool.shutdown()
    assert waits.result() == 7


def test_shutdown_without_waiting_for_it(pool: Any) -> None:
    future = pool.submit(targets.nap, 0.05, 7)
    thread = pool._executor_manager_thread
    pool.shutdown(wait=False)
    assert future.result(SHORT) == 7
    thread.join(SHORT)
    assert not thread.is_alive()


def test_it_does_not_stand_by_for_ever(pool: Any) -> None:
    until(lambda: not pool._engine.pumper.standing_by and pool._engine.pumper.at_ring)


# ---- signals, in the main thread ----


@pytest.fixture
def on_alarm() -> Any:
    """Sets what SIGALRM does."""
    old = signal.getsignal(signal.SIGALRM)
    yield lambda handler: signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, old)


def interrupt_who_waits(pool: Any) -> None:
    until(lambda: somebody_waits(pool))
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_the_wait_and_nothing_else(pool: Any) -> None:
    for _ in range(5):
        settled(pool)
        future = pool.submit(targets.nap, 0.15, 7)
        sender = threading.Thread(target=interrupt_who_waits, args=(pool,))
        with pytest.raises(KeyboardInterrupt):
            sender.start()
            future.result(LONG)
        sender.join()
        assert not pool._engine.pumper.caller
        assert future.result(LONG) == 7


def test_a_handler_that_uses_the_pool(pool: Any, on_alarm: Any) -> None:
    got: list[Any] = []
    on_alarm(lambda *_: got.append(pool.submit(targets.square, 4).result(SHORT)))
    future = pool.submit(targets.nap, 0.15, 7)
    signal.setitimer(signal.ITIMER_REAL, 0.03)
    assert future.result(LONG) == 7
    assert got == [16]


class Slow:
    """Takes its time to be unpickled."""

    def __reduce__(self) -> Any:
        return targets.nap, (0.1, 7)


def make_slow() -> Any:
    return Slow()


def test_a_handler_that_raises_while_a_result_is_unpickled(pool: Any, on_alarm: Any) -> None:
    class Alarm(Exception):
        pass

    def handler(*_: Any) -> None:
        raise Alarm

    on_alarm(handler)
    future = pool.submit(make_slow)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    with pytest.raises(Alarm):
        future.result(LONG)
    assert future.result(LONG) == 7


def test_interrupts_at_any_moment(pool: Any) -> None:
    """Whatever is interrupted, later calls have their results, and nothing stays held."""
    armed: list[bool] = []  # emptied by the interrupt: what handles it is not interrupted in turn

    def handler(*_: Any) -> None:
        if armed:
            armed.clear()
            raise KeyboardInterrupt

    def interrupt() -> None:
        end = time.monotonic() + 0.7
        while time.monotonic() < end:
            time.sleep(0.002)
            _thread.interrupt_main()

    interrupted, futures = 0, []
    thread = threading.Thread(target=interrupt)
    before = signal.signal(signal.SIGINT, handler)
    try:
        thread.start()
        while thread.is_alive():
            try:
                armed.append(True)
                future = pool.submit(targets.square, 5)
                futures.append(future)
                assert future.result(LONG) == 25
                armed.clear()
            except KeyboardInterrupt:
                interrupted += 1
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert interrupted
    assert all(future.result(SHORT) == 25 for future in futures)
    assert settled(pool) and not pool._pending_work_items


# ---- fork ----


def test_a_fork_while_somebody_waits(pool: Any, spawn: Any) -> None:
    future = pool.submit(targets.nap, 0.3, 7)
    waits = spawn(future.result, LONG)
    until(lambda: somebody_waits(pool))
    child = os.fork()
    if not child:
        try:
            future.result(0.5)  # is never told here
        except BaseException as error:
            os._exit(type(error).__name__ == "TimeoutError")
        os._exit(2)
    assert waits.result() == 7
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
