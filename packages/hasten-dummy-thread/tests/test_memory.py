"""References and memory."""

import gc
import os
import sys
import weakref

import psutil
import pytest

import hasten._dummy_thread as dummy
from hasten._dummy_thread._locks import StrictLock

# the sanitizer keeps freed memory for a while, so the process only grows
flat = pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="memory is held back")


class Thing:
    pass


def test_a_thread_holds_its_arguments_no_longer_than_it_runs():
    thing = Thing()
    before = sys.getrefcount(thing)
    dummy.start_new_thread(lambda *args, **kwargs: None, (thing,), {"x": thing})
    assert sys.getrefcount(thing) == before


@pytest.mark.parametrize("error", [SystemExit, ValueError, KeyboardInterrupt])
def test_nor_after_an_exception(error, capsys):
    thing = Thing()

    def run(thing):
        raise error

    before = sys.getrefcount(thing)
    try:
        dummy.start_new_thread(run, (thing,))
    except KeyboardInterrupt:
        assert error is KeyboardInterrupt
    gc.collect()
    assert sys.getrefcount(thing) == before
    capsys.readouterr()


@pytest.mark.parametrize("kind", [dummy.LockType, StrictLock, dummy.RLock, dummy._ThreadHandle])
def test_objects_go(kind):
    ref = weakref.ref(kind())
    gc.collect()
    assert ref() is None


@flat
def test_a_million_operations_in_flat_memory():
    lax, strict, again, process = dummy.allocate_lock(), StrictLock(), dummy.RLock(), psutil.Process()

    def work(rounds):
        for _ in range(rounds):
            with lax, strict, again, again:
                strict.acquire(False)
                dummy.start_new_thread(again.acquire, (False,))
            dummy.start_joinable_thread(dummy._set_sentinel).join()

    work(10_000)
    gc.collect()
    before = process.memory_info().rss
    work(170_000)  # six operations each
    gc.collect()
    assert process.memory_info().rss - before < 4_000_000
