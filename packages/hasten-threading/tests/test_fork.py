"""fork(): from every kind of thread, with threads and timers in every state.

The children end in one of two ways: in_child() ends them at once, programs end as programs do, which on 3.12
and before runs threading's exit code with what the fork has left of its tables.
"""

import threading
import warnings

import pytest
from support.forked import in_child, needs_fork

import hasten.threading

pytestmark = [
    needs_fork,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
HEADER = """
import _thread, os, sys, time, warnings, {0} as threading, threading as stdlib
import hasten.threading, hasten._thread
warnings.simplefilter("ignore", DeprecationWarning)
def fork(child):
    pid = os.fork()
    if pid == 0:
        child()
        sys.exit(0) if stdlib.current_thread() is stdlib.main_thread() else None
        raise SystemExit
    status = os.waitpid(pid, 0)[1]
    assert status == 0, status
def check():
    me = threading.current_thread()
    assert me is threading.main_thread() is stdlib.main_thread(), me
    assert threading.enumerate() == stdlib.enumerate() == [me], threading.enumerate()
    assert me.ident == threading.get_ident() and me.is_alive()
    if sys.version_info >= (3, 14) or isinstance(me, hasten.threading.Thread):
        assert me.native_id == threading.get_native_id()
    seen = []
    for module in stdlib, hasten.threading:
        thread = module.Thread(target=seen.append, args=(1,))
        thread.start()
        thread.join()
        timer = module.Timer(0.001, seen.append, [2])
        timer.start()
        timer.join()
    assert seen == [1, 2, 1, 2], seen
    condition, event = threading.Condition(), threading.Event()
    def notify():
        with condition:
            condition.notify()
        event.set()
    with condition:
        threading.Thread(target=notify).start()
        assert condition.wait(30)
    assert event.wait(30)
"""


@pytest.fixture
def program(impl, python):
    return lambda source, **options: python(HEADER.format(impl.__name__) + source, **options).split()


def test_from_the_main_thread(program):
    assert program(
        """
gate = threading.Event()
threads = [threading.Thread(target=gate.wait) for _ in range(5)]
for thread in threads: thread.start()
def child():
    check()
    assert not any(thread.is_alive() for thread in threads)
    for thread in threads:
        thread.join()
        assert "stopped" in repr(thread)
    print("child", flush=True)
fork(child)
assert all(thread.is_alive() for thread in threads)
gate.set()
for thread in threads: thread.join()
print("parent")
"""
    ) == ["child", "parent"]


@pytest.mark.parametrize("starter", ["hasten.threading.Thread", "stdlib.Thread"])
@pytest.mark.parametrize("daemon", [True, False])
def test_from_a_thread(program, starter, daemon):
    assert program(
        f"""
def target():
    me = stdlib.current_thread()
    def child():
        assert threading.main_thread() is me
        check()
        print("child", flush=True)
    fork(child)
thread = {starter}(target=target, daemon={daemon})
thread.start()
thread.join()
print("parent")
"""
    ) == ["child", "parent"]


@pytest.mark.parametrize("start", ["_thread", "hasten._thread"])
@pytest.mark.parametrize("known", [True, False])
def test_from_a_foreign_thread(program, start, known):
    assert program(
        f"""
done = threading.Event()
def target():
    if {known}: threading.current_thread()
    def child():
        assert threading.current_thread().name == "MainThread" or sys.version_info < (3, 13)
        check()
        print("child", flush=True)
    try:
        fork(child)
    finally:
        done.set()
{start}.start_new_thread(target, ())
done.wait()
print("parent")
"""
    ) == ["child", "parent"]


def test_from_a_timer(program):
    assert program(
        """
def function():
    fork(lambda: (check(), print("child", flush=True)))
timer = threading.Timer(0.01, function)
timer.start()
timer.join()
print("parent")
"""
    ) == ["child", "parent"]


def test_with_pending_timers(program):
    assert program(
        """
timers = [threading.Timer(3600 - n, print, ["never"]) for n in range(20)]
for timer in timers: timer.start()
def child():
    assert not any(timer.is_alive() for timer in timers)
    for timer in timers:
        timer.join()
        timer.cancel()
    check()
    later = threading.Timer(0.01, print, ["child"])
    later.start()
    later.join()
    sys.stdout.flush()
    threading.Timer(0.01, print, ["exit"]).start()
fork(child)
assert all(timer.is_alive() for timer in timers)
for timer in timers: timer.cancel()
for timer in timers: timer.join()
print("parent")
"""
    ) == ["child", "exit", "parent"]


def test_again_and_again(program):
    assert program(
        """
def generation(left):
    check()
    if left:
        fork(lambda: generation(left - 1))
    else:
        print("last", flush=True)
generation(4)
"""
    ) == ["last"]


@pytest.mark.timeout(150)
def test_threads_in_limbo(program):
    """While others start threads as fast as they can, some of them have not run yet."""
    assert program(
        """
stop = []
def storm():
    while not stop:
        threads = [threading.Thread(target=int) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
storms = [threading.Thread(target=storm) for _ in range(2)]
for thread in storms: thread.start()
for _ in range(15):
    fork(check)
stop.append(1)
for thread in storms: thread.join()
print("parent")
""",
        seconds=120,
    ) == ["parent"]


def test_multiprocessing(program):
    assert program(
        """
import multiprocessing
def child(queue):
    check()
    queue.put((stdlib.current_thread().name, multiprocessing.current_process().name))
gate = threading.Event()
thread = threading.Thread(target=gate.wait)
thread.start()
context = multiprocessing.get_context("fork")
queue = context.SimpleQueue()
process = context.Process(target=child, args=(queue,), name="child")
process.start()
print(*queue.get())
process.join()
assert process.exitcode == 0
gate.set()
"""
    ) == ["MainThread", "child"]


def test_the_childs_exit_waits_for_its_threads(program):
    assert program(
        """
gate = threading.Event()
threading.Thread(target=gate.wait).start()
def late():
    time.sleep(0.05)
    print("child's thread", flush=True)
fork(lambda: threading.Thread(target=late).start())
gate.set()
"""
    ) == ["child's", "thread"]


@pytest.mark.since(3, 14)  # it can up to 3.12, too
def test_a_thread_that_was_not_started_can_be_in_the_child(impl):
    seen = []
    thread = impl.Thread(target=seen.append, args=(1,))
    timer = impl.Timer(0.001, seen.append, [2])

    def check():
        for each in (thread, timer):
            assert not each.is_alive()
            each.start()
            each.join()
        assert seen == [1, 2]

    in_child(check)
    assert not thread.is_alive()


def test_names_and_attributes_stay():
    main = hasten.threading.main_thread()
    main.mark = 5

    def check():
        assert threading.main_thread() is main
        assert (main.name, main.mark) == ("MainThread", 5)

    try:
        in_child(check)
    finally:
        del main.mark


def test_the_main_thread_is_gone_in_the_child_of_another(impl, spawn):
    main = impl.main_thread()

    def check():
        assert not main.is_alive()
        main.join()
        assert impl.main_thread() is not main

    def forks():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            in_child(check)

    spawn(forks).result()
    assert main.is_alive()
