"""References and memory."""

import gc
import os
import sys
import threading
import weakref

import psutil
import pytest

import hasten.dummy_threading as dummy

# the sanitizer keeps freed memory for a while, so the process only grows
flat = pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="memory is held back")


class Thing:
    pass


def test_a_thread_holds_its_arguments_until_it_has_run():
    thing = Thing()
    before = sys.getrefcount(thing)
    thread = dummy.Thread(target=lambda *args, **kwargs: None, args=(thing,), kwargs={"x": thing})
    assert sys.getrefcount(thing) == before + 2
    thread.start()
    assert sys.getrefcount(thing) == before


@pytest.mark.parametrize("error", [SystemExit, ValueError, KeyboardInterrupt])
def test_nothing_is_held_after_an_exception(error, monkeypatch):
    monkeypatch.setattr(dummy, "excepthook", lambda args: None)
    thing = Thing()

    def run(thing):
        raise error

    def scenario():
        thread = dummy.Thread(target=run, args=[thing])
        try:
            thread.start()
        except KeyboardInterrupt:
            assert error is KeyboardInterrupt

    before = sys.getrefcount(thing)
    scenario()
    gc.collect()
    assert sys.getrefcount(thing) == before


MAKERS = [
    dummy.Thread,
    lambda: dummy.Timer(1, list),
    dummy.Condition,
    dummy.Event,
    dummy.Semaphore,
    dummy.BoundedSemaphore,
    lambda: dummy.Barrier(2),
    dummy.local,
]


@pytest.mark.parametrize("number", range(len(MAKERS)))
def test_objects_in_cycles_go(number):
    thing = MAKERS[number]()
    thing.me = thing
    ref = weakref.ref(thing)
    del thing
    gc.collect()
    assert ref() is None


def test_a_thread_that_is_its_own_target_goes():
    thread = dummy.Thread()
    thread._target = thread
    ref = weakref.ref(thread)
    del thread
    gc.collect()
    assert ref() is None


def test_patched_lets_go():
    thing = Thing()
    ref = weakref.ref(thing)

    def scenario(thing):
        with dummy.patched():
            threading.Thread(target=lambda thing: None, args=[thing]).start()
            threading.local().x = thing

    scenario(thing)
    del thing
    gc.collect()
    assert ref() is None


@flat
def test_a_million_operations_in_flat_memory():
    process = psutil.Process()
    lock, again, event, barrier = dummy.Lock(), dummy.RLock(), dummy.Event(), dummy.Barrier(1)
    condition, semaphore, local = dummy.Condition(), dummy.Semaphore(2), dummy.local()

    def inside():
        local.x = 1
        with condition:
            condition.notify_all()

    def work(rounds):
        for _ in range(rounds):
            with lock, again, condition, semaphore:
                barrier.wait()
                event.set()
                event.wait()
            thread = dummy.Thread(target=inside)
            thread.start()
            thread.join()
            event.clear()

    work(5_000)
    gc.collect()
    before = process.memory_info().rss
    work(100_000)  # ten operations each
    gc.collect()
    assert process.memory_info().rss - before < 4_000_000


@flat
def test_patching_a_thousand_times_in_flat_memory():
    process = psutil.Process()

    def work(rounds):
        for _ in range(rounds):
            with dummy.patched():
                threading.Thread(target=list).start()

    work(100)
    gc.collect()
    before = process.memory_info().rss
    work(400)
    gc.collect()
    assert process.memory_info().rss - before < 4_000_000


def failing_waits():
    event, condition, semaphore = dummy.Event(), dummy.Condition(), dummy.Semaphore(0)
    barrier, local = dummy.Barrier(2), dummy.local()

    def run():
        local.x = barrier
        for wait in (event.wait, semaphore.acquire, barrier.wait, condition.wait):
            with pytest.raises(RuntimeError):
                wait()

    with dummy.patched(reraise=True):
        dummy.Thread(target=run).start()
        threading.Thread(target=run).start()
        with pytest.raises(ZeroDivisionError):
            threading.Thread(target=lambda: 1 / 0).start()


def test_nothing_is_left_of_waits_that_fail():
    def work():
        for _ in range(50):
            failing_waits()
        gc.collect()
        return sys.getallocatedblocks()

    for _ in range(3):
        work()
    before = work()
    assert work() - before < 100  # 150 threads and 400 failed waits
