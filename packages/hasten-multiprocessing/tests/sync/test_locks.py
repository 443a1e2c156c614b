"""Lock, RLock, Semaphore and BoundedSemaphore, as one process sees them."""

from __future__ import annotations

import errno
import gc
import math
import multiprocessing.synchronize as stdlib
import pickle
import threading
import time
import weakref
from typing import Any

import pytest
from support.shared_state import Maker, ended, forked

from hasten.multiprocessing import synchronize

NAMES = ["Lock", "RLock", "Semaphore", "BoundedSemaphore"]


@pytest.mark.parametrize("name", NAMES)
def test_take_and_give_back(impl: Maker, name: str) -> None:
    lock = getattr(impl, name)()
    assert lock.acquire() is True
    assert lock._semlock._is_zero() and lock._semlock._get_value() == 0
    assert lock._semlock.SEM_VALUE_MAX == type(lock._semlock).SEM_VALUE_MAX == stdlib.SEM_VALUE_MAX
    lock.release()
    assert not lock._semlock._is_zero() and lock._semlock._get_value() == 1
    with lock as taken:
        assert taken is True
        assert lock._semlock._is_mine() and lock._semlock._count() == 1
    assert not lock._semlock._is_mine() and lock._semlock._count() == 0
    assert lock.acquire(block=True, timeout=None) is True
    lock.release()


@pytest.mark.parametrize("name", ["Lock", "Semaphore", "BoundedSemaphore"])
def test_what_is_taken_is_not_taken_twice(impl: Maker, name: str) -> None:
    lock = getattr(impl, name)()
    lock.acquire()
    for args in [(False,), (True, 0), (True, -1), (True, 0.02), (False, 5)]:
        assert lock.acquire(*args) is False
    begin = time.monotonic()
    assert lock.acquire(timeout=0.05) is False
    assert time.monotonic() - begin >= 0.05
    lock.release()
    assert lock.acquire(False) is True
    lock.release()


@pytest.mark.parametrize("name", NAMES)
def test_locked(ours: Maker, name: str) -> None:
    lock = getattr(ours, name)()
    assert lock.locked() is False
    with lock:
        assert lock.locked() is True


def test_a_recursive_one_is(impl: Maker) -> None:
    lock = impl.RLock()
    for depth in range(1, 4):
        assert lock.acquire() is True
        assert lock._semlock._count() == depth
    for _ in range(3):
        lock.release()
    with pytest.raises(AssertionError, match="attempt to release recursive lock not owned by thread"):
        lock.release()


@pytest.mark.parametrize("name", ["Lock", "BoundedSemaphore"])
def test_released_too_many_times(impl: Maker, name: str) -> None:
    lock = getattr(impl, name)()
    with pytest.raises(ValueError, match="semaphore or lock released too many times"):
        lock.release()
    assert lock._semlock._get_value() == 1


def test_a_semaphore_counts(impl: Maker) -> None:
    semaphore = impl.Semaphore(2)
    assert semaphore.get_value() == 2
    assert [semaphore.acquire(False) for _ in range(3)] == [True, True, False]
    for _ in range(5):
        semaphore.release()
    assert semaphore.get_value() == 5


def test_a_bounded_one_keeps_to_its_bound(impl: Maker) -> None:
    semaphore = impl.BoundedSemaphore(2)
    semaphore.acquire()
    semaphore.release()
    with pytest.raises(ValueError, match="released too many times"):
        semaphore.release()
    assert semaphore.get_value() == 2


def test_a_semaphore_of_as_many_units_as_there_can_be(impl: Maker) -> None:
    most = stdlib.SEM_VALUE_MAX
    semaphore = impl.Semaphore(most)
    with pytest.raises((ValueError, OverflowError)):
        semaphore.release()
    assert semaphore.get_value() == most


@pytest.mark.parametrize(
    ("value", "error"),
    [(-1, OSError), (1 << 31, OverflowError), (1.5, TypeError), ("1", TypeError), (None, TypeError)],
)
@pytest.mark.parametrize("name", ["Semaphore", "BoundedSemaphore"])
def test_what_is_no_number_of_units(impl: Maker, name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        getattr(impl, name)(value)
    assert type(caught.value) is error
    assert error is not OSError or caught.value.errno == errno.EINVAL  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_timeout(ours: Maker, name: str) -> None:
    lock = getattr(ours, name)()
    with pytest.raises(ValueError, match="NaN"):
        lock.acquire(timeout=math.nan)
    with pytest.raises(TypeError):
        lock.acquire(timeout="1")
    assert not lock.locked()
    assert lock.acquire(timeout=math.inf) is True


def test_another_thread_waits_and_may_release(impl: Maker) -> None:
    lock = impl.Lock()
    lock.acquire()
    thread = threading.Thread(target=lock.release)
    thread.start()
    assert lock.acquire(timeout=10) is True
    thread.join()
    lock.release()


def test_a_recursive_one_is_one_threads(impl: Maker) -> None:
    lock = impl.RLock()
    lock.acquire()
    seen: list[Any] = []

    def other() -> None:
        seen.append(lock.acquire(False))
        seen.append(lock._semlock._is_mine())
        try:
            lock.release()
        except AssertionError as error:
            seen.append(str(error))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [False, False, "attempt to release recursive lock not owned by thread"]
    lock.release()


def test_threads_exclude_each_other(impl: Maker) -> None:
    lock = impl.Lock()
    inside: list[int] = []
    worst: list[int] = []

    def run() -> None:
        for _ in range(500):
            with lock:
                inside.append(1)
                worst.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(worst) == {1}


def test_repr(impl: Maker) -> None:
    lock, rlock = impl.Lock(), impl.RLock()
    assert repr(lock) == "<Lock(owner=None)>"
    assert repr(rlock) == "<RLock(None, 0)>"
    with lock, rlock, rlock:
        assert repr(lock) == "<Lock(owner=MainProcess)>"
        assert repr(rlock) == "<RLock(MainProcess, 2)>"
        seen: list[str] = []
        thread = threading.Thread(target=lambda: seen.extend([repr(lock), repr(rlock)]))
        thread.start()
        thread.join()
        assert seen == ["<Lock(owner=SomeOtherThread)>", "<RLock(SomeOtherThread, nonzero)>"]
    thread = threading.Thread(target=lambda: lock.acquire() and seen.append(repr(lock)), name="T")
    thread.start()
    thread.join()
    assert seen[-1] == "<Lock(owner=MainProcess|T)>"
    assert repr(impl.Semaphore(3)) == "<Semaphore(value=3)>"
    assert repr(impl.BoundedSemaphore(3)) == "<BoundedSemaphore(value=3, maxvalue=3)>"


def test_repr_of_what_another_process_has(impl: Maker) -> None:
    lock, rlock = impl.Lock(), impl.RLock()

    def check() -> None:
        assert repr(lock) == "<Lock(owner=SomeOtherProcess)>"
        assert repr(rlock) == "<RLock(SomeOtherProcess, nonzero)>"
        assert not lock._semlock._is_mine() and not rlock._semlock._is_mine()

    def child() -> None:
        for held in (lock, rlock):
            held._semlock._after_fork()
        check()

    with lock, rlock:
        assert ended(forked(child)) == 0


def test_a_child_does_not_own_what_its_parent_has(ours: Maker) -> None:
    lock, rlock = ours.Lock(), ours.RLock()

    def child() -> None:
        assert not lock.acquire(False) and not rlock.acquire(False)
        with pytest.raises(AssertionError):
            rlock.release()
        lock.release()  # any process may

    with rlock:
        lock.acquire()
        assert ended(forked(child)) == 0
        assert lock.acquire(timeout=10)
        assert rlock._semlock._is_mine()


@pytest.mark.parametrize("name", NAMES)
def test_what_it_is(ours: Maker, name: str) -> None:
    lock = getattr(ours, name)()
    cls = type(lock)
    assert isinstance(lock, getattr(stdlib, name)) and isinstance(lock, stdlib.SemLock)
    assert isinstance(lock, synchronize.SemLock)
    assert cls.__module__ == "hasten.multiprocessing.synchronize" and cls.__name__ == name
    semlock = lock._semlock
    assert semlock.handle > 0 and semlock.name is None
    assert semlock.kind == (stdlib.RECURSIVE_MUTEX if name == "RLock" else stdlib.SEMAPHORE)
    assert semlock.maxvalue == (stdlib.SEM_VALUE_MAX if name == "Semaphore" else 1)
    assert lock.acquire == semlock.acquire and lock.release == semlock.release
    assert lock._make_name().startswith("/mp")


@pytest.mark.parametrize("name", [*NAMES, "Condition", "Event"])
def test_no_pickle_but_for_a_child(impl: Maker, name: str) -> None:
    words = "objects should only be shared between processes through inheritance"
    with pytest.raises(RuntimeError, match=words):
        pickle.dumps(getattr(impl, name)())


@pytest.mark.parametrize("name", NAMES)
def test_parts_do_not_pickle(ours: Maker, name: str) -> None:
    lock = getattr(ours, name)()
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(lock._semlock)
    with pytest.raises(RuntimeError, match="inheritance"):
        pickle.dumps(lock._semlock._state())


@pytest.mark.parametrize("name", NAMES)
def test_weak_references_and_attributes(impl: Maker, name: str) -> None:
    lock = getattr(impl, name)()
    lock.note = 5
    reference = weakref.ref(lock)
    assert reference().note == 5
    del lock
    gc.collect()
    assert reference() is None


def test_a_subclass_with_a_lock_of_its_own(ours: Maker) -> None:
    class Counting(synchronize.Lock):
        entered = 0

        def __enter__(self) -> bool:
            self.entered += 1
            return super().__enter__()

    lock = Counting(ctx=ours.context)
    with lock:
        assert lock.locked() and lock.entered == 1
    assert not lock.locked()


def test_without_init_there_is_no_lock() -> None:
    lock = synchronize.Lock.__new__(synchronize.Lock)
    with pytest.raises(AttributeError):
        lock.__enter__()
    with pytest.raises(AttributeError):
        lock.locked()


def test_the_default_context() -> None:
    assert synchronize.Lock(ctx=None).acquire()
    with pytest.raises(TypeError):
        synchronize.Lock()
