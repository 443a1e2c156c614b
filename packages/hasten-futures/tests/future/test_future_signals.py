"""Signals while the main thread waits for futures: what ends the wait, what does not, what is not lost."""

import signal
import threading
import time

import pytest
from support.signalling import MAIN, SENDERS, Interrupt, interrupt

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")

WAITS = {
    "result": lambda impl, future, timeout: future.result(timeout),
    "exception": lambda impl, future, timeout: future.exception(timeout),
    "wait": lambda impl, future, timeout: impl.wait([future, impl.Future()], timeout, impl.FIRST_COMPLETED),
    "wait for all": lambda impl, future, timeout: impl.wait([future], timeout),
    "as_completed": lambda impl, future, timeout: next(impl.as_completed([future, impl.Future()], timeout)),
}


@pytest.fixture(params=WAITS)
def wait(request, impl):
    return lambda future, timeout=None: WAITS[request.param](impl, future, timeout)


@pytest.mark.parametrize("timeout", [None, 60])
@pytest.mark.parametrize("sender", SENDERS)
def test_a_raising_handler_ends_the_wait(impl, wait, sender, timeout, on_signal, when_main_sleeps):
    future = impl.Future()
    on_signal(interrupt)
    task = when_main_sleeps(SENDERS[sender])
    with pytest.raises(Interrupt):
        wait(future, timeout)
    task.result()
    assert not future.done()
    future.set_result(5)
    assert future.result() == 5
    wait(future, timeout)


def test_ctrl_c(impl, wait, when_main_sleeps):
    task = when_main_sleeps(lambda: signal.pthread_kill(MAIN, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        wait(impl.Future())
    task.result()


def test_other_handlers_run_and_the_wait_goes_on(impl, wait, on_signal, when_main_sleeps, until):
    future, handled = impl.Future(), []
    on_signal(lambda: handled.append(1))

    def act():
        for count in range(1, 4):
            SENDERS["pthread_kill"]()
            until(lambda count=count: len(handled) == count)
        future.set_result(5)

    task = when_main_sleeps(act)
    wait(future)
    task.result()
    assert handled == [1, 1, 1]


@pytest.mark.parametrize("timeout", [None, 60])
def test_the_handler_ends_the_future(impl, wait, timeout, on_signal, when_main_sleeps):
    future = impl.Future()
    on_signal(lambda: future.set_result(5))
    task = when_main_sleeps(SENDERS["pthread_kill"])
    wait(future, timeout)
    task.result()
    assert future.result() == 5


def test_the_handler_waits_itself(impl, on_signal, when_main_sleeps):
    """A wait within a wait, and each gets its own."""
    outer, inner, seen = impl.Future(), impl.Future(), []
    on_signal(lambda: seen.append(inner.result(30)))

    def act():
        SENDERS["pthread_kill"]()
        inner.set_result(1)
        outer.set_result(2)

    task = when_main_sleeps(act)
    assert outer.result(30) == 2
    task.result()
    assert seen == [1]


def test_signals_do_not_move_the_deadline(impl, spawn, on_signal):
    future, handled, over = impl.Future(), [], threading.Event()
    on_signal(lambda: handled.append(1))

    def send():
        while not over.wait(0.01):
            signal.pthread_kill(MAIN, signal.SIGUSR1)

    sender, start = spawn(send), time.monotonic()
    try:
        with pytest.raises(impl.TimeoutError):
            future.result(0.3)
    finally:
        elapsed = time.monotonic() - start
        over.set()
    sender.result()
    assert handled
    assert elapsed >= 0.3


@pytest.mark.since(3, 13)
def test_shutdown_is_interrupted_and_may_be_called_again(make_pool, on_signal, when_main_sleeps):
    pool, gate = make_pool(1), threading.Event()
    future = pool.submit(gate.wait)
    on_signal(interrupt)
    task = when_main_sleeps(SENDERS["pthread_kill"])
    with pytest.raises(Interrupt):
        pool.shutdown()
    task.result()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.submit(len, "")
    assert not future.done()
    gate.set()
    pool.shutdown()
    assert future.result(0) is True


def test_ctrl_c_in_a_program_with_a_pool(impl, python):
    """The `with` block waits for what runs, and the interrupt comes out of it."""
    assert python(
        f"""
import os, signal, threading, time
from {impl.__name__} import ThreadPoolExecutor
gate = threading.Event()
def interrupt():
    asleep = 0
    while asleep < 20:
        with open(f"/proc/self/task/{{os.getpid()}}/stat") as stat:
            asleep = asleep + 1 if stat.read().rpartition(")")[2].split()[0] == "S" else 0
        time.sleep(0)
    os.kill(os.getpid(), signal.SIGINT)
    gate.wait()
    print("task over")
try:
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(interrupt).result()
        except KeyboardInterrupt:
            print("interrupted")
            gate.set()
            raise
except KeyboardInterrupt:
    print("out")
"""
    ).split("\n") == ["interrupted", "task over", "out", ""]
