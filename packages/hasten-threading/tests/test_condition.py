"""Condition: waiting with a lock that is released meanwhile."""

import sys
import threading
import warnings
from decimal import Decimal
from fractions import Fraction

import pytest

import hasten.threading

NAN = float("nan")


@pytest.fixture(params=["RLock", "Lock", "own lock", "own methods"])
def cond(request, impl):
    """A condition over each way to use a lock."""
    if request.param == "own methods":

        class Sub(impl.Condition):
            def _release_save(self):
                calls.append("save")
                return super()._release_save()

            def _acquire_restore(self, saved):
                calls.append("restore")
                super()._acquire_restore(saved)

        calls = []
        cond = Sub()
        cond.calls = calls
        return cond
    return impl.Condition(Plain() if request.param == "own lock" else getattr(impl, request.param)())


class Plain:
    """A lock with nothing but what a Condition asks for."""

    def __init__(self):
        self.inner = threading.Lock()

    def acquire(self, *args):
        return self.inner.acquire(*args)

    def release(self):
        self.inner.release()

    def locked(self):
        return self.inner.locked()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *error):
        self.release()


def sleeper(cond, log=None, timeout=None):
    """A function that waits once and returns what wait() said."""

    def wait():
        with cond:
            result = cond.wait(timeout)
            if log is not None:
                log.append(result)
            return result

    return wait


def waiting(cond, spawn, until, count, timeout=None):
    """That many threads that wait."""
    before = len(cond._waiters)
    tasks = [spawn(sleeper(cond, timeout=timeout)) for _ in range(count)]
    until(lambda: len(cond._waiters) == before + count)
    return tasks


def test_notify_wakes_as_many_as_told(cond, spawn, until):
    tasks = waiting(cond, spawn, until, 6)
    for n, left in [(1, 5), (2, 3), (0, 3), (-5, 3)]:
        with cond:
            cond.notify(n)
        until(lambda left=left: sum(task.is_alive() for task in tasks) == left)
        assert len(cond._waiters) == left
    with cond:
        cond.notify_all()
    assert [task.result() for task in tasks] == [True] * 6
    assert not cond._waiters


def test_the_longest_sleeper_is_notified_first(cond, spawn, until):
    tasks = [waiting(cond, spawn, until, 1)[0] for _ in range(5)]
    for i, task in enumerate(tasks):
        with cond:
            cond.notify()
        assert task.result() is True
        assert all(later.is_alive() for later in tasks[i + 1 :])


def test_a_notification_needs_somebody_who_waits(cond):
    with cond:
        cond.notify()
        cond.notify_all()
        assert cond.wait(0.001) is False


def test_the_notified_wait_for_the_lock(cond, spawn, until):
    log = []
    task = spawn(sleeper(cond, log))
    until(lambda: cond._waiters)
    with cond:
        cond.notify()
        task.settle()
        assert not log
    assert task.result() is True


@pytest.mark.parametrize("n", [3, 2**80])
def test_more_notifications_than_waiters(n, spawn, until):
    cond = hasten.threading.Condition()
    tasks = waiting(cond, spawn, until, 3)
    with cond:
        cond.notify(n)
    for task in tasks:
        assert task.result()
    with cond, pytest.raises(TypeError):
        cond.notify("1")


@pytest.mark.parametrize("name", ["Lock", "RLock"])
def test_without_the_lock(impl, name, spawn):
    cond = impl.Condition(getattr(impl, name)())
    for call, words in [
        (cond.wait, "cannot wait on un-acquired lock"),
        (cond.notify, "cannot notify on un-acquired lock"),
        (cond.notify_all, "cannot notify on un-acquired lock"),
        (lambda: cond.wait_for(lambda: False), "cannot wait on un-acquired lock"),
    ]:
        with pytest.raises(RuntimeError, match=words):
            call()
    with pytest.raises(RuntimeError):
        cond.release()
    assert not cond._waiters
    if name == "RLock":
        with cond, pytest.raises(RuntimeError, match="un-acquired"):
            spawn(cond.notify).result()


@pytest.mark.parametrize("lock", [1, object(), "lock"])
def test_what_is_no_lock(impl, lock):
    with pytest.raises(AttributeError):
        impl.Condition(lock)


def test_recursion_is_undone_and_done_again(impl, spawn, until):
    cond = impl.Condition()

    def wait():
        with cond, cond, cond:
            assert cond.wait(30)
            for _ in range(2):
                assert cond.acquire()
            for _ in range(2):
                cond.release()
        with pytest.raises(RuntimeError):
            cond.release()
        return True

    task = spawn(wait)
    until(lambda: cond._waiters)
    with cond, cond:
        cond.notify()
    assert task.result()


TIMEOUTS = [0.001, Fraction(1, 1000), Decimal("0.001"), 0, -1, -0.5, Fraction(-1, 3), float("-inf"), False]


@pytest.mark.parametrize("timeout", TIMEOUTS)
def test_timeouts(timeout):
    cond = hasten.threading.Condition()
    with cond:
        assert cond.wait(timeout) is False
        assert cond.wait(timeout=timeout) is False
        assert cond.wait_for(lambda: 0, timeout) == 0
        assert cond.wait_for(lambda: 7, timeout) == 7
    assert not cond._waiters


@pytest.mark.parametrize("timeout", [10**400, float("inf"), 2**63, Fraction(10**300)])
def test_long_timeouts(timeout, spawn, until):
    cond = hasten.threading.Condition()
    (task,) = waiting(cond, spawn, until, 1, timeout)
    with cond:
        cond.notify()
    assert task.result() is True


@pytest.mark.parametrize("timeout, error", [(NAN, ValueError), ("1", TypeError), (1j, TypeError)])
def test_bad_timeouts(timeout, error):
    cond = hasten.threading.Condition()
    with cond:
        with pytest.raises(error):
            cond.wait(timeout)
        with pytest.raises(error):
            cond.wait_for(lambda: False, timeout)
        assert not cond._waiters
        assert cond._is_owned()
    with pytest.raises(RuntimeError):
        cond.release()


def test_wait_for(cond, spawn, until):
    state = []
    task = spawn(lambda: wait_for(cond, lambda: len(state) == 3 and state))
    for i in range(3):
        until(lambda: cond._waiters)
        with cond:
            state.append(i)
            cond.notify()
    assert task.result() == [0, 1, 2]


def wait_for(cond, *args):
    with cond:
        return cond.wait_for(*args)


def test_wait_for_a_predicate_that_fails(cond):
    def predicate():
        raise LookupError

    with cond, pytest.raises(LookupError):
        cond.wait_for(predicate, 10)
    assert not cond._waiters


def test_wait_for_calls_the_wait_of_a_subclass(impl):
    class Counting(impl.Condition):
        count = 0

        def wait(self, timeout=None):
            self.count += 1
            return super().wait(0)

    cond = Counting()
    with cond:
        assert cond.wait_for(lambda: cond.count == 3)
    assert cond.count == 3


@pytest.mark.parametrize("timeout", [0, -1])
def test_wait_for_waits_once_whatever_the_timeout(impl, timeout):
    """Others may have the lock meanwhile."""
    asked, waited = [], []

    class Telling(impl.Condition):
        def wait(self, timeout=None):
            waited.append(timeout)
            return super().wait(timeout)

    cond = Telling()
    with cond:
        assert not cond.wait_for(lambda: asked.append(1), timeout)
    assert (len(asked), waited) == (2, [timeout])


@pytest.mark.parametrize("lock", ["Lock", "RLock"])
def test_subclass_methods_are_used(impl, lock, spawn, until):
    if impl is threading and lock == "RLock":
        pytest.skip("the standard library's class prefers the methods of the lock")

    class Logging(impl.Condition):
        def __init__(self):
            super().__init__(getattr(impl, lock)())
            self.log = []

        def _is_owned(self):
            self.log.append("owned")
            return super()._is_owned()

        def _release_save(self):
            self.log.append("save")
            return super()._release_save()

        def _acquire_restore(self, saved):
            self.log.append("restore")
            super()._acquire_restore(saved)

    cond = Logging()
    (task,) = waiting(cond, spawn, until, 1)
    with cond:
        cond.notify()
    assert task.result() is True
    assert cond.log == ["owned", "save", "owned", "restore"]


def test_a_custom_lock_with_the_three_methods(impl, spawn, until):
    class Recursive(Plain):
        def __init__(self):
            super().__init__()
            self.log = []

        def _is_owned(self):
            self.log.append("owned")
            return self.inner.locked()

        def _release_save(self):
            self.log.append("save")
            self.release()
            return "saved"

        def _acquire_restore(self, saved):
            self.log.append(saved)
            self.acquire()

    lock = Recursive()
    cond = impl.Condition(lock)
    (task,) = waiting(cond, spawn, until, 1)
    with cond:
        cond.notify_all()
    assert task.result() is True
    assert lock.log == ["owned", "save", "owned", "saved"]


def test_a_lock_that_can_not_be_released(impl):
    class Stuck(Plain):
        def release(self):
            raise OSError("stuck")

    cond = impl.Condition(Stuck())
    cond.acquire()
    with pytest.raises(OSError, match="stuck"):
        cond.wait()
    assert list(cond._waiters) == [] or impl is not hasten.threading


def test_acquire_passes_its_arguments_on(impl):
    cond = impl.Condition(impl.Lock())
    assert cond.acquire() is True
    assert cond.acquire(False) is False
    assert cond.acquire(blocking=False) is False
    assert cond.acquire(True, 0.001) is False
    assert cond.acquire(timeout=0.001) is False
    with pytest.raises(ValueError):
        cond.acquire(False, 1)
    cond.release()


def test_two_conditions_share_a_lock(impl, spawn, until):
    lock = impl.RLock()
    one, other = impl.Condition(lock), impl.Condition(lock)
    (a,), (b,) = waiting(one, spawn, until, 1), waiting(other, spawn, until, 1)
    with one:
        other.notify_all()
    assert b.result() is True
    assert a.is_alive()
    with lock:
        one.notify_all()
    assert a.result() is True


def test_old_name():
    """It warns where the standard library's does: from 3.10 on."""
    cond = hasten.threading.Condition()
    with cond, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cond.notifyAll()
    words = "notifyAll() is deprecated, use notify_all() instead"
    expected = [(DeprecationWarning, words)] if sys.version_info >= (3, 10) else []
    assert [(one.category, str(one.message)) for one in caught] == expected


def test_repr(impl, spawn, until):
    cond = impl.Condition(impl.Lock())
    assert repr(cond) == f"<Condition({cond._lock}, 0)>"
    (task,) = waiting(cond, spawn, until, 1)
    assert repr(cond) == f"<Condition({cond._lock}, 1)>"
    with cond:
        cond.notify()
    task.result()


def test_locked():
    cond = hasten.threading.Condition()
    assert not cond.locked()
    with cond:
        assert cond.locked()


def test_a_producer_and_many_consumers(cond, spawn):
    items, got, total = [], [], 2000

    def consume():
        while True:
            with cond:
                while not items:
                    cond.wait()
                item = items.pop(0)
            if item is None:
                return
            got.append(item)

    consumers = [spawn(consume) for _ in range(4)]
    for item in range(total):
        with cond:
            items.append(item)
            cond.notify()
    with cond:
        items.extend([None] * 4)
        cond.notify_all()
    for consumer in consumers:
        consumer.result()
    assert sorted(got) == list(range(total))


def test_no_notification_is_lost_to_timeouts(impl, spawn):
    """Each item is announced once, while the consumers' waits end for both reasons."""
    cond, items, got = impl.Condition(), [], []
    total, over = 3000, []

    def consume():
        while True:
            with cond:
                if not items and not over:
                    cond.wait(0.0005)
                if items:
                    got.append(items.pop())
                elif over:
                    return

    consumers = [spawn(consume) for _ in range(3)]
    for item in range(total):
        with cond:
            items.append(item)
            cond.notify()
    with cond:
        over.append(True)
        cond.notify_all()
    for consumer in consumers:
        consumer.result()
    assert sorted(got) == list(range(total))


def test_a_replaced_rlock(impl, monkeypatch):
    """Tools that trace locks put a function of their own in the place of RLock()."""

    class Traced:
        def __init__(self, lock):
            self.lock, self.calls = lock, []

        def acquire(self, *args, **kwargs):
            self.calls.append("acquire")
            return self.lock.acquire(*args, **kwargs)

        def release(self):
            self.calls.append("release")
            self.lock.release()

        __enter__ = acquire

        def __exit__(self, *args):
            self.release()

        def __getattr__(self, name):
            return getattr(self.lock, name)

    real = impl.RLock
    with monkeypatch.context() as patches:
        patches.setattr(impl, "RLock", lambda: Traced(real()))
        cond = impl.Condition()
    assert isinstance(cond._lock, Traced)
    with cond:
        assert not cond.wait(0.001)
    cond.acquire()
    cond.release()
    assert cond._lock.calls == ["acquire", "release"] * 2
    assert not isinstance(impl.Condition()._lock, Traced)
