"""Locks that never block.  What one thread alone can see of a lock is compared with the interpreter's."""

import _thread
import copy
import math
import pickle
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hasten._dummy_thread as dummy
from hasten._dummy_thread._locks import StrictLock
from hasten._dummy_thread._waits import set_sleeping

KINDS = {"lax": dummy.LockType, "strict": StrictLock, "rlock": dummy.RLock}


@pytest.fixture(params=KINDS)
def make(request):
    return KINDS[request.param]


@pytest.fixture(params=["strict", "rlock"])
def make_strict(request):
    return KINDS[request.param]


def in_thread(function, *args):
    """What the function returns or raises in a thread."""
    outcome = []

    def run():
        try:
            outcome.append((function(*args), None))
        except Exception as error:
            outcome.append((None, error))

    dummy.start_new_thread(run, ())
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


def do(lock, step):
    """Take one step with a lock; what came of it."""
    try:
        return {
            "try": lambda: lock.acquire(False),
            "zero": lambda: lock.acquire(timeout=0),
            "release": lock.release,
            "enter": lambda: lock.__enter__(),
            "exit": lambda: lock.__exit__(None, None, None),
        }[step]()
    except RuntimeError as error:
        return str(error)


@given(st.lists(st.sampled_from(["try", "zero", "release", "exit"])))
def test_a_strict_lock_is_like_a_real_one_in_one_thread(steps):
    real, ours = _thread.allocate_lock(), StrictLock()
    for step in steps:
        assert do(ours, step) == do(real, step)
        assert ours.locked() == real.locked()


@given(st.lists(st.sampled_from(["try", "zero", "release", "enter", "exit"])))
def test_an_rlock_is_like_a_real_one_in_one_thread(steps):
    real, ours = _thread.RLock(), dummy.RLock()
    for step in steps:
        assert do(ours, step) == do(real, step)
        assert ours._is_owned() == real._is_owned()
        assert repr(ours).split()[0] == repr(real).split()[0]


@given(st.lists(st.sampled_from(["try", "release", "enter", "exit"])))
def test_a_lax_lock_is_like_a_real_one_until_that_blocks(steps):
    real, ours = _thread.allocate_lock(), dummy.allocate_lock()
    for step in steps:
        if step == "enter":
            assert ours.__enter__() is True
            real.acquire(False)
        else:
            assert do(ours, step) == do(real, step)
        assert ours.locked() == real.locked()


def test_the_old_name_of_blocking(sleeps):
    lock = dummy.allocate_lock()
    assert lock.acquire(waitflag=0) is True
    assert lock.acquire(waitflag=0) is False
    assert lock.acquire(waitflag=0, timeout=3) is False
    assert sleeps == [3]
    assert lock.acquire(waitflag=1) is True and lock.acquire(blocking=False) is False


def test_a_lax_lock_always_gives_in():
    lock = dummy.LockType()
    assert lock.acquire() is True and lock.acquire() is True and lock.acquire(True, 5) is True
    lock.release()
    assert not lock.locked()


def test_a_held_strict_lock_is_an_error():
    lock = StrictLock()
    with lock:
        with pytest.raises(RuntimeError, match=r"acquire\(\) would wait for ever: the lock is held"):
            lock.acquire()
        with pytest.raises(RuntimeError, match="release it first, or pass a timeout"), lock:
            raise AssertionError("not reached")
        with pytest.raises(RuntimeError, match="runs to its end inside start"):
            in_thread(lock.acquire)
        assert lock.acquire(False) is False and in_thread(lock.acquire, False) is False
    assert in_thread(lock.acquire) is True


def test_an_rlock_belongs_to_a_thread():
    lock = dummy.RLock()
    with lock, lock:
        assert in_thread(lock._is_owned) is False and lock._is_owned()
        assert in_thread(lock._recursion_count) == 0 and lock._recursion_count() == 2
        assert in_thread(lock.acquire, False) is False
        with pytest.raises(RuntimeError, match=rf"thread {dummy.get_ident()} holds the lock"):
            in_thread(lock.acquire)
        with pytest.raises(RuntimeError, match="cannot release un-acquired lock"):
            in_thread(lock.release)
        assert lock.locked()
    assert not lock.locked()
    assert in_thread(lock.acquire) is True  # and nobody will ever release it
    with pytest.raises(RuntimeError, match="would wait for ever"):
        lock.acquire()


def test_a_timeout_is_slept(make_strict, sleeps):
    lock = make_strict()
    assert lock.acquire(timeout=1) is True and sleeps == []
    assert in_thread(lambda: lock.acquire(timeout=Fraction(3, 2))) is False
    assert sleeps == [1.5]
    assert in_thread(lambda: lock.acquire(True, 0)) is False
    assert sleeps == [1.5]


def test_a_signal_handler_may_release_the_lock_meanwhile(make, monkeypatch):
    lock, lax = make(), make is dummy.LockType
    if make is dummy.RLock:
        in_thread(lock.acquire)
        monkeypatch.setattr("time.sleep", lambda seconds: lock._at_fork_reinit())
    else:
        lock.acquire()
        monkeypatch.setattr("time.sleep", lambda seconds: lock.release())
    assert lock.acquire(not lax, timeout=1) is True
    assert lock.locked()


def test_sleeping_can_be_switched_off(sleeps):
    lock = StrictLock()
    lock.acquire()
    assert set_sleeping(False) is True
    try:
        assert lock.acquire(timeout=7) is False and sleeps == []
    finally:
        assert set_sleeping(True) is False
    assert lock.acquire(timeout=7) is False and sleeps == [7]


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ((False, 1), ValueError, "can't specify a timeout for a non-blocking call"),
        ((True, -2), ValueError, "timeout value must be a non-negative number"),
        ((True, 1e300), OverflowError, "timeout value is too large"),
        ((True, math.inf), OverflowError, "timeout value is too large"),
        ((True, math.nan), ValueError, "NaN"),
        ((True, "1"), TypeError, "real number"),
    ],
)
def test_bad_timeouts(make_strict, args, error, words):
    with pytest.raises(error, match=words):
        make_strict().acquire(*args)


def test_constructors_take_nothing(make):
    with pytest.raises(TypeError):
        make(1)
    with pytest.raises(TypeError):
        make(name=1)


def test_fork_reinit(make):
    lock = make()
    lock.acquire()
    lock._at_fork_reinit()
    assert not lock.locked() and lock.acquire(False) is True


def test_old_names(make):
    lock = make()
    if make is dummy.RLock:
        assert not hasattr(lock, "acquire_lock")
        return
    assert lock.acquire_lock() is True and lock.locked_lock() is True
    assert lock.acquire_lock(False) is False
    lock.release_lock()
    assert not lock.locked()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (dummy.LockType, "hasten._dummy_thread.lock"),
        (StrictLock, "hasten.dummy_threading.Lock"),
        (dummy.RLock, "hasten._dummy_thread.RLock"),
    ],
)
def test_repr(kind, name):
    lock = kind()
    assert repr(lock).startswith(f"<unlocked {name} object ") and repr(lock).endswith(f" at {id(lock):#x}>")
    lock.acquire()
    assert repr(lock).startswith(f"<locked {name} object ")


def test_no_copies(make):
    lock = make()
    for copied in (copy.copy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot pickle"):
            copied(lock)


def test_save_and_restore():
    lock = dummy.RLock()
    with pytest.raises(RuntimeError, match="cannot release un-acquired lock"):
        lock._release_save()
    with lock, lock:
        saved = lock._release_save()
        assert not lock.locked()
        with pytest.raises(TypeError):
            lock._acquire_restore(3)
        in_thread(lock.acquire)
        with pytest.raises(RuntimeError, match="would wait for ever"):
            lock._acquire_restore(saved)
        lock._at_fork_reinit()
        lock._acquire_restore(saved)
        assert lock._recursion_count() == 2


def test_types():
    assert dummy.lock is dummy.LockType
    assert isinstance(dummy.allocate_lock(), dummy.LockType) and isinstance(StrictLock(), dummy.LockType)


def test_lax_lock_can_be_derived_from():
    class Counted(dummy.LockType):
        taken = 0

        def acquire(self, *args, **kwargs):
            self.taken += 1
            return super().acquire(*args, **kwargs)

    lock = Counted()
    with lock:
        assert lock.locked() and lock.taken == 1
    with pytest.raises(RuntimeError, match="release unlocked lock"):
        lock.release()
