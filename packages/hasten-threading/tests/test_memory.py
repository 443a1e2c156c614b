"""What threads and timers leave behind: nothing.  HASTEN_LONG=1 makes the counts large."""

import gc
import os
import sys
import sysconfig
import weakref

import psutil
import pytest

import hasten.threading

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
LONG = bool(os.environ.get("HASTEN_LONG"))
STARTS = 100_000 if LONG else 2_000
OBJECTS = 1_000_000 if LONG else 50_000
SLACK = 8 << 20  # bytes: what an allocator may keep


def grown(action, times):
    """By how many bytes the process grows while *action* is repeated, once it is warm."""
    for _ in range(times // 4):
        action()
    gc.collect()
    before = psutil.Process().memory_info().rss
    for _ in range(times):
        action()
    gc.collect()
    return psutil.Process().memory_info().rss - before


def start_and_join():
    thread = hasten.threading.Thread(target=int)
    thread.start()
    thread.join()


def start_and_cancel():
    timer = hasten.threading.Timer(3600, print)
    timer.start()
    timer.cancel()
    timer.join()


@pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer keeps what is freed"
)
@pytest.mark.parametrize(
    "action, times",
    [
        (start_and_join, STARTS),
        (start_and_cancel, STARTS),
        (hasten.threading.Thread, OBJECTS),
        (lambda: hasten.threading.Timer(1, print), OBJECTS // 4),
    ],
    ids=["start and join", "start and cancel", "Thread", "Timer"],
)
def test_memory_stays(action, times):
    assert grown(action, times) < SLACK


def make_thread(target):
    return hasten.threading.Thread(target=target)


def make_timer(target):
    return hasten.threading.Timer(0.001, target)


@pytest.mark.parametrize("make", [make_thread, make_timer])
def test_an_ended_thread_is_freed_without_the_collector(make, until):
    class Argument:
        def __call__(self):
            """What the thread calls."""

    gc.collect()
    gc.disable()
    try:
        thread, argument = None, Argument()
        thread = make(argument)
        alive = weakref.ref(thread), weakref.ref(argument)
        thread.start()
        thread.join()
        del thread, argument
        until(lambda: [ref() for ref in alive] == [None, None], 10)
    finally:
        gc.enable()


def test_a_cancelled_timer_is_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        timer = hasten.threading.Timer(3600, print)
        alive = weakref.ref(timer)
        timer.start()
        timer.cancel()
        timer.join()
        del timer
        assert alive() is None
    finally:
        gc.enable()


@pytest.mark.skipif(FREE_THREADED, reason="counts of references are not exact")
def test_the_target_is_referred_to_as_often_as_before():
    def target(argument):
        """What the thread calls."""

    argument = object()
    before = sys.getrefcount(target), sys.getrefcount(argument)
    for _ in range(20):
        thread = hasten.threading.Thread(target=target, args=(argument,), kwargs={})
        thread.start()
        thread.join()
    del thread
    assert (sys.getrefcount(target), sys.getrefcount(argument)) == before
