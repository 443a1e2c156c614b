# cython: freethreading_compatible=True, always_allow_keywords=False
"""Condition: wait until notified, with a lock that is released meanwhile.

wait() enqueues the thread, releases the lock, parks, and re-acquires the lock, whatever ended the wait.
Invariants: no notify() is lost, because it needs the lock, which is held while the thread enqueues; and a
thread that was notified but leaves because a signal handler raised notifies another one.

The lock may be any object with acquire() and release().  A lock of hasten._thread's is used through its table
of C functions, which re-acquire it despite signals.  Other locks are used through the three methods in HOOKS;
so is every lock if a program overrides one of these in a subclass or in the object.  If a program replaces
`_waiters`, wait() and notify() are the standard library's.
"""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport int64_t

from compat cimport hs_load, hs_mutex, hs_mutex_lock, hs_mutex_unlock, hs_store, hs_type_tag
from lock_api cimport hs_lock_api, hs_lock_api_import, hs_lock_functions, hs_lock_functions_of, hs_lock_saved
from park cimport hs_waiter
from state cimport (hs_state_class, hs_state_class_init, hs_state_exists, hs_state_forget, hs_state_of,
                    hs_state_set, hs_state_slot, own_fields)
from timeout cimport hs_deadline_of, hs_expired, hs_seconds_until
from hasten.threading._attributes cimport show_attributes
from hasten.threading._waiting cimport (
    EVERYBODY,
    count_parked,
    park_and_dequeue,
    enqueue_locked,
    dequeue,
    unpark,
    sleepers,
    start_anew,
)

import _thread
import sys
import threading
from _collections import deque

import hasten._thread

from hasten.threading._module import deprecated
from hasten.threading._locks import RLock
from hasten.threading._published import published

cdef extern from "_entries.h":
    pass

cdef extern from *:
    """
    HS_ENTRY(hs_acquire_entry, 1)
    HS_ENTRY(hs_exit_entry, 4)
    """
    int hs_acquire_entry(object function, object (*direct)(object)) except -1
    int hs_exit_entry(object function, object (*direct)(object)) except -1

cdef object stdlib = threading.Condition
cdef const hs_lock_api *lock_api = hs_lock_api_import()
cdef object absent = object()
cdef object interpreters_lock = type(_thread.allocate_lock())
cdef dict public = vars(sys.modules["hasten.threading"])  # programs replace RLock there, to trace locks
cdef object usual_rlock = RLock
del RLock

cdef hs_state_class states


@cython.final
cdef class ConditionState:
    cdef hs_state_slot *slot
    cdef hs_mutex guard
    cdef int overridden   # a hook was replaced in the object
    cdef int outside      # `_waiters` was replaced
    cdef object lock      # used by wait() and notify()
    cdef list entered     # `with` uses the last item; other threads may still hold the ones before
    cdef sleepers asleep

    def __dealloc__(self):
        hs_state_forget(self.slot, <PyObject *>self)

    def __reduce__(self):
        cls = type(self.lock)
        raise TypeError(f"cannot pickle '{cls.__module__}.{cls.__qualname__}' object")

    cdef inline object lock_of_with(self):
        return self.lock if self.entered is None else self.entered[-1]

    cdef int enter_by(self, lock) except -1:
        cdef list first = [lock]
        hs_mutex_lock(&self.guard)
        if self.entered is None:
            self.entered, first = first, None
        hs_mutex_unlock(&self.guard)
        if first is not None:
            self.entered.append(lock)
        return 0

    cdef bint wait_directly(self, const hs_lock_functions *direct, int64_t deadline) except -1:
        cdef hs_waiter me
        cdef hs_lock_saved saved
        self.join_sleepers(&me)
        try:
            direct.release_save(self.lock, &saved)
        except BaseException:
            self.step_back(&me)
            raise
        try:
            return self.sleep_unlocked(&me, deadline)
        finally:
            direct.acquire_restore(self.lock, &saved)

    cdef bint wait_by_methods(self, condition, int64_t deadline) except -1:
        cdef hs_waiter me
        self.join_sleepers(&me)
        try:
            saved = condition._release_save()
        except BaseException:
            self.step_back(&me)
            raise
        try:
            return self.sleep_unlocked(&me, deadline)
        finally:
            condition._acquire_restore(saved)

    cdef void join_sleepers(self, hs_waiter *me) noexcept:
        hs_mutex_lock(&self.guard)
        enqueue_locked(&self.asleep, me, <void *>self)
        hs_mutex_unlock(&self.guard)

    cdef bint sleep_unlocked(self, hs_waiter *me, int64_t deadline) except -1:
        """The part of a wait without the lock."""
        if deadline == 0:
            dequeue(&self.asleep, &self.guard, me)
            return me.word
        try:
            return park_and_dequeue(&self.asleep, &self.guard, me, deadline)
        except BaseException:
            self.pass_on(me)
            raise

    cdef void step_back(self, hs_waiter *me) noexcept:
        dequeue(&self.asleep, &self.guard, me)
        self.pass_on(me)

    cdef void pass_on(self, hs_waiter *me) noexcept:
        """Notify another thread if this one was notified but leaves with an exception."""
        if me.word:
            self.unpark_waiters(1)

    cdef void unpark_waiters(self, Py_ssize_t most) noexcept:
        hs_mutex_lock(&self.guard)
        if self.asleep.waiting.head != NULL:
            unpark(&self.asleep, &self.guard, most)
        else:
            hs_mutex_unlock(&self.guard)


cdef ConditionState probe = ConditionState.__new__(ConditionState)
hs_state_class_init(&states, "_condition_state", probe, &probe.slot)


cdef inline ConditionState state_of(condition):
    return <ConditionState>hs_state_of(&states, condition)


cdef ConditionState state_for_setting(condition):
    """The state; a new one if there is none: a subclass may set attributes without calling __init__()."""
    if not hs_state_exists(&states, condition):
        hs_state_set(&states, condition, ConditionState.__new__(ConditionState))
    return state_of(condition)


cdef inline const hs_lock_functions *direct_functions(condition, ConditionState state) except? NULL:
    """The C functions by which wait() and notify() use the lock; NULL: use the condition's methods."""
    if hs_load(&state.overridden) or overrides(type(condition)):
        return NULL
    return hs_lock_functions_of(lock_api, state.lock)


cdef inline bint is_owned(condition, ConditionState state) except -1:
    cdef const hs_lock_functions *direct = direct_functions(condition, state)
    return condition._is_owned() if direct == NULL else direct.is_owned(state.lock)


class Hook:
    """A method whose replacement in an object, by setting the attribute, is recorded in its state."""

    def __init__(self, function):
        self.function = function
        self.name = function.__name__
        self.__doc__ = function.__doc__

    def __get__(self, condition, cls=None):
        if condition is None:
            return self.function
        own = own_fields(condition).get(self.name, absent)
        return self.function.__get__(condition) if own is absent else own

    def __set__(self, condition, value):
        hs_store(&state_of(condition).overridden, True)
        own_fields(condition)[self.name] = value

    def __delete__(self, condition):
        try:
            del own_fields(condition)[self.name]
        except KeyError:
            raise AttributeError(self.name) from None


cdef int acquire_for_sure(lock) except -1:
    """Acquire the lock despite signals, and raise afterwards what a handler has raised meanwhile."""
    interrupt = None
    while True:
        try:
            lock.acquire()
            break
        except BaseException as error:
            if type(lock) is not interpreters_lock:
                raise  # whether it is held is unknown
            interrupt = error
    if interrupt is not None:
        raise interrupt
    return 0


@cython.final
cdef class SharedWaiters:
    """`_waiters` in the state of a condition: a copy gets the state itself, a pickle a deque of nobody."""

    cdef ConditionState state

    def __reduce__(self):
        return deque, ()


def state_for_picklers(self):
    """`__getstate__()`: what the standard library's instances have, for picklers that know locks (dill's).

    It may come to a Python without this class, which finds in the instance how to give up and take an RLock.
    """
    cdef SharedWaiters waiters = SharedWaiters.__new__(SharedWaiters)
    if "_condition_state" not in own_fields(self):
        return object.__getstate__(self)  # made without __init__()
    waiters.state = state_of(self)
    lock = waiters.state.lock
    of_lock = {name: getattr(lock, name) for name in _OF_LOCK if hasattr(lock, name)}
    own = {name: value for name, value in list(own_fields(self).items()) if name != "_condition_state"}
    if getattr(own.get("locked"), "__self__", None) is lock:
        del own["locked"]  # the lock's method, which the standard library's conditions have since 3.14 only
    fields = {"_lock": lock, **of_lock, "_waiters": waiters, **own}
    given = object.__getstate__(self)  # with the values of a subclass's __slots__, if it has any
    return (fields, given[1]) if type(given) is tuple else fields


@published
class Condition(stdlib):
    """A condition variable: threads wait() until another one calls notify() or notify_all().

    lock: a Lock, an RLock or an object like these, which protects the state that is waited for; None for
    a new RLock.  wait() and notify() need it held (RuntimeError); `with` acquires and releases it.
    Thread-safety: all methods may be called from any thread.
    """

    if sys.version_info >= (3, 11):
        __getstate__ = state_for_picklers  # before, as everywhere here, what lies in C is the state

    def __init__(self, lock=None):
        cdef ConditionState state = ConditionState.__new__(ConditionState)
        cdef bint plain = lock is None and type(self) is Condition
        if lock is None:
            replaced = public.get("RLock")
            if replaced is usual_rlock or replaced is None:
                lock = lock_api.new_rlock()
            else:
                lock, plain = replaced(), False
        elif not (hasattr(lock, "acquire") and hasattr(lock, "release")):
            raise AttributeError(f"a Condition's lock needs acquire() and release(); {lock!r} lacks one")
        state.lock = lock
        hs_state_set(&states, self, state)
        if not plain:
            # As in the standard library, these attributes precede methods of a subclass, and accept the
            # lock's own arguments.  A plain condition gets them at the first call, as most are never
            # called.
            self.acquire = lock.acquire
            self.release = lock.release
        if hasattr(lock, "locked"):
            self.locked = lock.locked

    def _at_fork_reinit(self):
        """Reset the lock and the list of waiters.  For the child of a fork() only."""
        cdef ConditionState state = state_of(self)
        state.lock_of_with()._at_fork_reinit()
        start_anew(&state.asleep, &state.guard)

    def __repr__(self):
        return f"<Condition({self._lock}, {len(self._waiters)})>"

    # ---- the lock ----

    def acquire(self, blocking=True, timeout=-1):
        """Acquire the lock.  Arguments, result and errors are those of its acquire()."""
        return state_of(self).lock.acquire(blocking, timeout)

    def release(self):
        """Release the lock.  Errors are those of its release()."""
        cdef ConditionState state = state_of(self)
        state.lock.release()
        if type(self) is Condition:
            self.release = state.lock.release

    def locked(self):
        """Whether the lock is held by any thread."""
        return state_of(self).lock.locked()

    def __enter__(self):
        """Acquire the lock, waiting until it is free."""
        cdef object lock = state_of(self).lock_of_with()
        cdef const hs_lock_functions *direct = hs_lock_functions_of(lock_api, lock)
        if direct == NULL:
            return lock.__enter__()
        return direct.acquire(lock, -1) == 1

    def __exit__(self, *args):
        """Release the lock."""
        cdef object lock = state_of(self).lock_of_with()
        cdef const hs_lock_functions *direct = hs_lock_functions_of(lock_api, lock)
        if direct == NULL:
            return lock.__exit__(*args)
        direct.release(lock)

    def _is_owned(self):
        """Whether the calling thread holds the lock; any thread, if the lock cannot tell."""
        lock = state_of(self).lock
        if hasattr(lock, "_is_owned"):
            return lock._is_owned()
        if lock.acquire(False):
            lock.release()
            return False
        return True

    def _release_save(self):
        """Release the lock completely; returns what _acquire_restore() needs to re-acquire it as often."""
        lock = state_of(self).lock
        if hasattr(lock, "_release_save"):
            return lock._release_save()
        lock.release()

    def _acquire_restore(self, x):
        """Re-acquire the lock as it was held before _release_save()."""
        cdef hs_lock_saved once
        cdef const hs_lock_functions *direct
        lock = state_of(self).lock
        if hasattr(lock, "_acquire_restore"):
            lock._acquire_restore(x)
            return
        direct = hs_lock_functions_of(lock_api, lock)
        if direct == NULL:
            acquire_for_sure(lock)
        else:
            once.count, once.owner = 1, 0
            direct.acquire_restore(lock, &once)

    # ---- waiting ----

    def wait(self, timeout=None):
        """Release the lock, wait to be notified, re-acquire the lock.  False if *timeout* ended the wait.

        timeout: seconds to wait at most, any real number; None waits for ever, 0 or less not at all.
        An RLock is released completely and re-acquired as often as it was held.  A signal handler that
        raises ends the wait.  RuntimeError without the lock; ValueError for NaN.
        """
        cdef ConditionState state = state_of(self)
        cdef const hs_lock_functions *direct
        cdef int64_t deadline
        if hs_load(&state.outside):
            return stdlib.wait(self, timeout)
        if not is_owned(self, state):
            raise RuntimeError("cannot wait on un-acquired lock")
        deadline = hs_deadline_of(timeout)
        direct = direct_functions(self, state)
        if direct == NULL:
            return state.wait_by_methods(self, deadline)
        return state.wait_directly(direct, deadline)

    def wait_for(self, predicate, timeout=None):
        """Wait until *predicate* returns a true value, and return its last result.

        predicate: a callable without arguments, called with the lock held, before the wait and after each
        notification.  timeout: seconds to wait at most in total, any real number; None waits for ever.
        """
        cdef int64_t deadline
        result = predicate()
        if result:
            return result
        deadline = hs_deadline_of(timeout)
        # The first wait takes place with any timeout: with 0 it releases the lock once.
        left = timeout
        while not result:
            self.wait(left)
            result = predicate()
            if hs_expired(deadline):
                break
            left = hs_seconds_until(deadline)
        return result

    def notify(self, n=1):
        """Wake up to *n* waiting threads.  RuntimeError without the lock.

        They return from wait() when they have re-acquired the lock, so not before it is released.
        """
        cdef ConditionState state = state_of(self)
        cdef Py_ssize_t most
        if hs_load(&state.outside):
            stdlib.notify(self, n)
            return
        if not is_owned(self, state):
            raise RuntimeError("cannot notify on un-acquired lock")
        try:
            most = n
        except OverflowError:
            most = EVERYBODY if n > 0 else 0
        state.unpark_waiters(most)

    def notify_all(self):
        """Wake all waiting threads, by notify().  RuntimeError without the lock."""
        cdef ConditionState state = state_of(self)
        if hs_load(&state.outside):
            self.notify(len(self._waiters))
        else:
            self.notify(count_parked(&state.asleep, &state.guard))

    def notifyAll(self):
        """Deprecated name of notify_all()."""
        deprecated("notifyAll() is deprecated, use notify_all() instead")
        self.notify_all()

    @property
    def _lock(self):
        """The lock that `with` acquires; the other methods use the one that the condition was made with."""
        return state_of(self).lock_of_with()

    @_lock.setter
    def _lock(self, lock):
        cdef ConditionState state = state_for_setting(self)
        if state.lock is None:
            state.lock = lock
        else:
            state.enter_by(lock)

    @property
    def _waiters(self):
        """A deque with an entry for each thread that waits and was not notified."""
        cdef ConditionState state = state_of(self)
        if hs_load(&state.outside):
            return own_fields(self)["_waiters"]
        return deque([self] * count_parked(&state.asleep, &state.guard))

    @_waiters.setter
    def _waiters(self, waiters):
        if isinstance(waiters, SharedWaiters):
            hs_state_set(&states, self, (<SharedWaiters>waiters).state)
            return
        own_fields(self)["_waiters"] = waiters
        hs_store(&state_for_setting(self).outside, True)


show_attributes(Condition, "_condition_state", ("_lock", "_waiters", "acquire", "release"))


cdef object acquire_directly(condition):
    cdef ConditionState state = state_of(condition)
    cdef const hs_lock_functions *direct = hs_lock_functions_of(lock_api, state.lock)
    if direct == NULL:
        return NotImplemented
    if type(condition) is Condition:
        condition.acquire = state.lock.acquire
    return direct.acquire(state.lock, -1) == 1


cdef object exit_directly(condition):
    cdef object lock = state_of(condition).lock_of_with()
    cdef const hs_lock_functions *direct = hs_lock_functions_of(lock_api, lock)
    if direct == NULL:
        return NotImplemented
    direct.release(lock)
    return None


hs_acquire_entry(Condition.acquire, acquire_directly)
hs_exit_entry(Condition.__exit__, exit_directly)

_HOOK_NAMES = ("_is_owned", "_release_save", "_acquire_restore")
_OF_LOCK = ("acquire", "release", *_HOOK_NAMES, *(("locked",) if sys.version_info >= (3, 14) else ()))
HOOKS = {_name: vars(Condition)[_name] for _name in _HOOK_NAMES}
for _name, _function in HOOKS.items():
    setattr(Condition, _name, Hook(_function))

cdef unsigned int known_tag = 0  # version tag of the last class checked that overrides no hook


cdef inline bint overrides(cls) except -1:
    """Whether a class overrides one of HOOKS."""
    cdef unsigned int tag = hs_type_tag(<PyTypeObject *>cls)
    return (tag == 0 or tag != known_tag) and overrides_any(cls)


cdef bint overrides_any(cls) except -1:
    global known_tag
    for name, function in HOOKS.items():
        if getattr(cls, name) is not function:
            return True
    known_tag = hs_type_tag(<PyTypeObject *>cls)
    return False


cdef object private_condition(owner):
    """The condition `_cond` of *owner*, an Event for instance; made at first use."""
    cdef dict fields = own_fields(owner)
    if "_cond" not in fields:
        fields.setdefault("_cond", Condition(hasten._thread.allocate_lock()))
    return fields["_cond"]
