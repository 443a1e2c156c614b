"""Conditions, events, semaphores and barriers: their parts, subclasses and refusals."""

import sys
import threading

from prelude import say, trial


class Latch(threading.Event):
    def __init__(self, count):
        super().__init__()
        self.count = count

    def set(self):
        self.count -= 1
        if not self.count:
            super().set()


class Resizable(threading.Semaphore):
    def resize(self, value):
        with self._cond:
            self._value += value
            self._cond.notify_all()


latch = Latch(2)
latch.set()
say(latch.is_set(), latch.wait(0))
latch.set()
say(latch.is_set(), latch._flag)
event = threading.Event()
event._flag = True
say(event.is_set(), event.wait(0))
with event._cond:
    event._flag = False
    event._cond.notify_all()
say(event.is_set())
semaphore = Resizable(0)
say(semaphore.acquire(blocking=False))
semaphore.resize(2)
say(semaphore._value, semaphore.acquire(), semaphore.acquire(timeout=0.01), semaphore.acquire(timeout=0.01))
trial(lambda: semaphore.acquire(blocking=False, timeout=1))
trial(lambda: semaphore.release(0))
trial(lambda: semaphore.release(-1))
trial(lambda: threading.Semaphore(-1))
trial(lambda: threading.Semaphore("x"))
trial(lambda: threading.BoundedSemaphore(1).release())
bounded = threading.BoundedSemaphore(2)
bounded._initial_value = 3
bounded.release()
say(bounded._value)
if sys.version_info >= (3, 11):
    say(semaphore, event, threading.Semaphore(3), threading.Barrier(2))
condition = threading.Condition()
trial(condition.wait)
trial(condition.notify)
trial(condition.notify_all)
trial(condition.release)
with condition:
    say(condition._is_owned(), condition.wait(0.01), len(condition._waiters))
    say(condition.wait_for(lambda: False, 0.01), condition.wait_for(lambda: 5))
    condition.notify(3)
say(condition._is_owned())
shared = threading.Lock()
one, two = threading.Condition(shared), threading.Condition(shared)
with one:
    say(shared.locked(), two._is_owned(), two.acquire(False))


class OwnLock:
    def __init__(self):
        self.held = 0

    def acquire(self, blocking=True, timeout=-1):
        self.held += 1
        return True

    def release(self):
        self.held -= 1

    __enter__ = acquire

    def __exit__(self, *exc):
        self.release()

    def _is_owned(self):
        return bool(self.held)

    def locked(self):
        return bool(self.held)


own = OwnLock()
over = threading.Condition(own)
with over:
    say(own.held, over.wait(0.01), own.held)
say(own.held)
lock = threading.Lock()
trial(lock.release)
say(lock.acquire(False), lock.acquire(False), lock.locked())
trial(lambda: lock.acquire(False, 1))
trial(lambda: lock.acquire(True, -2))
trial(lambda: lock.acquire(True, 1e20))
trial(lambda: lock.acquire(timeout="x"))
lock.release()
trial(lambda: type(lock).__name__)
rlock = threading.RLock()
trial(rlock.release)
rlock.acquire()
rlock.acquire()
say(rlock._is_owned(), rlock._release_save()[0], rlock._is_owned())
barrier = threading.Barrier(1, action=lambda: say("action"))
say(barrier.wait(), barrier.n_waiting, barrier.parties, barrier.broken)
barrier.abort()
trial(barrier.wait)
say(barrier.broken, barrier._state, barrier._count)
barrier.reset()
say(barrier.wait())
failing = threading.Barrier(1, action=lambda: 1 / 0)
trial(failing.wait)
say(failing.broken)


class Counted(threading.Condition):
    def notify(self, n=1):
        say("notify", n)
        super().notify(n)

    def wait(self, timeout=None):
        say("wait", timeout)
        return super().wait(timeout)


counted = Counted()
with counted:
    counted.notify_all()
    counted.wait_for(lambda: False, timeout=0)
event = threading.Event()
event._cond = Counted(threading.Lock())
event.set()
say(event.wait(0.01))
event.clear()
say(event.wait(0.01))
timer = threading.Timer(60, int, [1], {"k": 2})
say(timer.interval, timer.function, timer.args, timer.kwargs, timer.finished.is_set())
timer.cancel()
say(timer.finished.is_set(), timer.is_alive())
timer.start()
timer.join()
local = threading.local()
local.x = 1
say(vars(local))


class Local(threading.local):
    y = 2

    def __init__(self, *args):
        self.z = args


say(Local(3).z, Local(3).y)
trial(lambda: threading.local(1))
