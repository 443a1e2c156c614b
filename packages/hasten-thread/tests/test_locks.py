"""Locks and reentrant locks: the interpreter's and ours under the same tests."""

import _thread
import copy
import decimal
import fractions
import gc
import math
import os
import pickle
import re
import signal
import sys
import threading
import time
import weakref

import pytest

from hasten._thread import _locks

TIMEOUT_MAX = _thread.TIMEOUT_MAX


def test_acquire_and_release(make_lock):
    lock = make_lock()
    assert lock.acquire() is True
    assert lock.release() is None
    with lock as entered:
        assert entered is True
    assert lock.acquire(False) is True
    lock.release()


def test_lock_is_not_owned(locks, tools):
    lock = locks.allocate_lock()
    lock.acquire()
    assert lock.locked()
    tools.Background(lock.release).wait()
    assert not lock.locked()
    assert lock.acquire(False)
    assert not lock.acquire(False)


def test_release_of_an_unlocked_lock(locks):
    with pytest.raises(RuntimeError, match="release unlocked lock"):
        locks.allocate_lock().release()
    with pytest.raises(RuntimeError, match="release unlocked lock"):
        locks.allocate_lock().__exit__(None, None, None)
    with pytest.raises(RuntimeError, match="cannot release un-acquired lock"):
        locks.RLock().release()
    with pytest.raises(RuntimeError, match="cannot release un-acquired lock"):
        locks.RLock().__exit__(None, None, None)


def test_exception_in_with_passes_and_unlocks(make_lock):
    lock = make_lock()
    with pytest.raises(KeyError), lock:
        raise KeyError("x")
    assert lock.acquire(False)
    lock.release()


def test_old_names(locks):
    lock = locks.allocate_lock()
    assert lock.acquire_lock()
    assert lock.locked_lock()
    lock.release_lock()
    assert not lock.locked_lock()
    assert lock.acquire_lock(True, 1)


@pytest.mark.parametrize("arguments", [(False, 1), (False, 0), (False, -2), (0, 0.5)])
def test_no_timeout_without_blocking(make_lock, arguments):
    with pytest.raises(ValueError, match="can't specify a timeout for a non-blocking call"):
        make_lock().acquire(*arguments)


def test_minus_one_is_no_timeout(make_lock):
    lock = make_lock()
    for arguments in [(True, -1), (True, -1.0), (False, -1)]:
        assert lock.acquire(*arguments)
        lock.release()


@pytest.mark.parametrize("timeout", [-2, -0.5, -1e300])
def test_negative_timeout(make_lock, timeout):
    with pytest.raises((ValueError, OverflowError)):
        make_lock().acquire(True, timeout)


def test_words_for_bad_timeouts():
    for lock in _locks.allocate_lock(), _locks.RLock():
        with pytest.raises(ValueError, match="timeout value must be a non-negative number, not -2"):
            lock.acquire(timeout=-2)
        with pytest.raises(ValueError, match="NaN"):
            lock.acquire(timeout=math.nan)
        with pytest.raises(OverflowError, match="timeout value is too large"):
            lock.acquire(timeout=TIMEOUT_MAX * 2)
        with pytest.raises(TypeError, match="must be real number, not str"):
            lock.acquire(timeout="1")


@pytest.mark.parametrize("timeout", [math.inf, 1e300, TIMEOUT_MAX + 1, 10**400])
def test_huge_timeout(make_lock, timeout):
    with pytest.raises(OverflowError):
        make_lock().acquire(True, timeout)


def test_nan_also_when_not_blocking(make_lock):
    for blocking in True, False:
        with pytest.raises(ValueError):
            make_lock().acquire(blocking, math.nan)


def test_bad_timeout_also_for_the_owner(locks):
    lock = locks.RLock()
    with lock, pytest.raises(ValueError):
        lock.acquire(True, -2)
    assert not lock._is_owned()


@pytest.mark.parametrize(
    "timeout", [fractions.Fraction(1, 100), decimal.Decimal("0.01"), True, 0.01, TIMEOUT_MAX], ids=repr
)
def test_any_real_number_is_a_timeout(timeout):
    for lock in _locks.allocate_lock(), _locks.RLock():
        assert lock.acquire(timeout=timeout)


@pytest.mark.parametrize("arguments", [(True, None), (True, "x"), (1, 2, 3)])
def test_wrong_arguments(make_lock, arguments):
    with pytest.raises(TypeError):
        make_lock().acquire(*arguments)
    with pytest.raises(TypeError):
        make_lock().acquire(when=1)


def test_timeout_passes(make_lock, tools):
    lock = make_lock()
    lock.acquire()

    def attempt():
        began = time.monotonic()
        got = lock.acquire(True, 0.1)
        return got, time.monotonic() - began

    got, took = tools.Background(attempt).wait()
    assert got is False
    assert took >= 0.1
    lock.release()


def test_timeout_zero_does_not_wait(make_lock, tools):
    lock = make_lock()
    assert lock.acquire(True, 0)
    assert tools.Background(lock.acquire, True, 0).wait() is False


def test_released_within_the_timeout(make_lock, tools):
    lock = make_lock()
    lock.acquire()
    waiter = tools.Background(lock.acquire, True, TIMEOUT_MAX).blocked()
    lock.release()
    assert waiter.wait() is True


def test_every_waiter_gets_it(locks, tools):
    lock = locks.allocate_lock()
    lock.acquire()
    waiters = [tools.Background(lock.acquire).blocked() for _ in range(10)]
    lock.release()
    for _ in waiters:
        tools.wait_until(lock.locked)
        lock.release()
    for waiter in waiters:
        assert waiter.wait() is True


def test_a_waiter_is_not_handed_the_lock(locks, tools):
    """Who releases can take it again at once: waking is not handing over."""
    lock = locks.allocate_lock()
    lock.acquire()
    waiter = tools.Background(lock.acquire, True, 20).blocked()
    for _ in range(100):
        lock.release()
        if not lock.acquire(False):
            break
    else:
        lock.release()
    assert waiter.wait() is True


def test_mutual_exclusion(make_lock, tools):
    lock, inside, total = make_lock(), [], [0]

    def work():
        for _ in range(2000):
            with lock:
                inside.append(1)
                total[0] += 1
                assert len(inside) == 1
                inside.pop()

    for worker in [tools.Background(work) for _ in range(4)]:
        worker.wait()
    assert total == [8000]


def test_mixed_ways_to_acquire(make_lock, tools):
    lock, total = make_lock(), [0]

    def work(number):
        done = 0
        while done < 500:
            way = (done + number) % 3
            got = (
                lock.acquire() if way == 0 else lock.acquire(False) if way == 1 else lock.acquire(True, 1e-4)
            )
            if got:
                total[0] += 1
                lock.release()
                done += 1

    for worker in [tools.Background(work, number) for number in range(4)]:
        worker.wait()
    assert total == [2000]


def test_repr(locks):
    lock = locks.allocate_lock()
    assert re.fullmatch(r"<unlocked _thread\.lock object at 0x[0-9a-f]+>", repr(lock))
    lock.acquire()
    assert re.fullmatch(r"<locked _thread\.lock object at 0x[0-9a-f]+>", repr(lock))
    lock = locks.RLock()
    assert re.fullmatch(r"<unlocked _thread\.RLock object owner=0 count=0 at 0x[0-9a-f]+>", repr(lock))
    lock.acquire()
    lock.acquire()
    me = _thread.get_ident()
    assert re.fullmatch(rf"<locked _thread\.RLock object owner={me} count=2 at 0x[0-9a-f]+>", repr(lock))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_not_picklable(make_lock, protocol):
    with pytest.raises((TypeError, pickle.PicklingError), match="(?i)can(no|')t pickle"):
        pickle.dumps(make_lock(), protocol)
    with pytest.raises(TypeError, match="cannot pickle"):
        copy.copy(make_lock())


def test_weak_references(make_lock):
    lock = make_lock()
    reference = weakref.ref(lock)
    assert reference() is lock
    lock.acquire()
    del lock  # freed while locked
    gc.collect()
    assert reference() is None


def test_reference_counts(make_lock):
    lock = make_lock()
    timeout = 1234.5
    before = sys.getrefcount(lock), sys.getrefcount(timeout)
    for _ in range(1000):
        lock.acquire(True, timeout)
        lock.release()
        with lock:
            pass
        with pytest.raises(ValueError):
            lock.acquire(False, timeout)
    assert (sys.getrefcount(lock), sys.getrefcount(timeout)) == before


def test_at_fork_reinit(make_lock):
    lock = make_lock()
    lock.acquire()
    lock._at_fork_reinit()
    assert lock.acquire(False)
    lock.release()


def test_classes():
    with pytest.raises(TypeError):
        type("Sub", (_locks.lock,), {})
    with pytest.raises(TypeError, match="cannot create '_thread.lock' instances"):
        _locks.LockType()
    assert isinstance(_locks.allocate_opaque_lock(), _locks.lock)
    assert type(_locks.allocate_lock()) is _locks.lock
    assert _locks.lock().acquire()


# ---- reentrant locks ------------------------------------------------------------------------------


def test_reentrant(locks, tools):
    lock = locks.RLock()
    for _ in range(3):
        lock.acquire()
    for _ in range(2):
        lock.release()
        assert tools.Background(lock.acquire, False).wait() is False
    lock.release()
    assert tools.Background(lambda: lock.acquire(False) and not lock.release()).wait() is True


def test_only_the_owner_releases(locks, tools):
    lock = locks.RLock()
    with lock:
        with pytest.raises(RuntimeError, match="cannot release un-acquired lock"):
            tools.Background(lock.release).wait()
        assert lock._is_owned()
        assert tools.Background(lock._is_owned).wait() is False


def test_save_and_restore(locks):
    lock = locks.RLock()
    with pytest.raises(RuntimeError, match="cannot release un-acquired lock"):
        lock._release_save()
    lock.acquire()
    lock.acquire()
    saved = lock._release_save()
    assert saved == (2, _thread.get_ident())
    assert not lock._is_owned()
    lock._acquire_restore(saved)
    lock.release()
    lock.release()
    assert not lock._is_owned()
    for bad in (5, (1,), (1, 2, 3)):
        with pytest.raises(TypeError, match="_acquire_restore"):
            lock._acquire_restore(bad)


def test_locked_and_recursion_count(tools):
    lock = _locks.RLock()
    assert (lock.locked(), lock._recursion_count()) == (False, 0)
    with lock, lock:
        assert (lock.locked(), lock._recursion_count()) == (True, 2)
        assert tools.Background(lambda: (lock.locked(), lock._recursion_count())).wait() == (True, 0)


def test_rlock_subclass(locks):
    class Named(locks.RLock):
        def __init__(self, name=None):
            self.name = name

    lock = Named()
    lock.name = "x"
    with lock:
        assert "Named object owner=" in repr(lock)
    with pytest.raises(TypeError, match="cannot pickle 'Named' object"):
        pickle.dumps(lock)


def test_condition_over_rlock(locks, tools):
    condition = threading.Condition(locks.RLock())
    ready = []

    def wait():
        with condition, condition:
            return condition.wait_for(lambda: ready, 20)

    waiter = tools.Background(wait).blocked()
    with condition:
        ready.append(1)
        condition.notify()
    assert waiter.wait()


# ---- signals and fork -----------------------------------------------------------------------------


@pytest.fixture
def alarm():
    """Set a handler for SIGALRM and have the signal come after 50 ms; again and again, if that is wished.

    For a handler that raises it is to come once, and to be set where the error is expected.
    """

    def start(handler, every=0):
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.05, every)

    before = signal.getsignal(signal.SIGALRM)
    yield start
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def held_elsewhere(make_lock, tools):
    lock = make_lock()
    tools.Background(lock.acquire).wait()
    return lock


def test_handler_that_raises_ends_the_wait(make_lock, tools, alarm):
    lock = held_elsewhere(make_lock, tools)

    def stop(*_):
        raise ZeroDivisionError

    for arguments in (), (True, 20):
        with pytest.raises(ZeroDivisionError):
            alarm(stop)
            lock.acquire(*arguments)
    lock._at_fork_reinit()
    assert lock.acquire(False)


def test_handler_that_returns_does_not(make_lock, tools, alarm):
    lock, calls = held_elsewhere(make_lock, tools), []
    alarm(lambda *_: calls.append(1), every=0.01)
    while len(calls) < 2:  # signals that come while the machine does something else are one
        calls.clear()
        began = time.monotonic()
        assert lock.acquire(True, 0.2) is False
        assert time.monotonic() - began >= 0.2


def test_handler_releases_the_lock(locks, alarm):
    lock = locks.allocate_lock()
    lock.acquire()

    def release(*_):
        if lock.locked():
            lock.release()

    alarm(release, every=0.05)  # one that comes just before the wait begins does not interrupt it
    assert lock.acquire(True, 20) is True


def test_a_wake_is_passed_on_by_a_waiter_that_leaves(tools, alarm):
    """Two wait; the lock is released and one of them leaves by an exception: the other gets it."""
    for _ in range(10):
        lock = _locks.allocate_lock()
        lock.acquire()
        other = tools.Background(lock.acquire, True, 20)

        def release_and_raise(*_, lock=lock):
            lock.release()
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            alarm(release_and_raise)
            lock.acquire(True, 20)
        assert other.wait() is True


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_with_waiters(make_lock, tools):
    lock = make_lock()
    lock.acquire()
    waiters = [tools.Background(lambda: lock.acquire() and lock.release()).blocked() for _ in range(3)]

    def child():
        lock.release()
        assert lock.acquire(False)
        assert tools.Background(lock.acquire, True, 0.01).wait() is False
        mine = tools.Background(lambda: lock.acquire() and not lock.release()).blocked()
        lock.release()
        assert mine.wait()

    assert tools.in_child(child) == 0
    lock.release()
    for waiter in waiters:
        waiter.wait()
