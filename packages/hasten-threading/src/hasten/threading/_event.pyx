# cython: freethreading_compatible=True, always_allow_keywords=False
"""Event: a flag that threads can wait for.

Invariant: set() releases every thread that waits at that moment, even if clear() follows at once.

When a program reads or replaces `_cond`, it may wait for the flag with that condition.  From then on the
event is `shared`: its methods are the standard library's, which use `_cond` and `_flag`.  Threads that are
parked here are unparked by the setter of `_flag`.
"""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from compat cimport hs_load, hs_mutex, hs_mutex_lock, hs_mutex_unlock, hs_store
from park cimport hs_waiter
from state cimport (hs_state_class, hs_state_class_init, hs_state_exists, hs_state_forget, hs_state_of,
                    hs_state_set, hs_state_slot, own_fields)
from timeout cimport hs_deadline_of
from hasten.threading._attributes cimport show_attributes
from hasten.threading._condition cimport private_condition
from hasten.threading._waiting cimport EVERYBODY, unpark, park, sleepers, start_anew

import sys
import threading

from hasten.threading._attributes import attributes_as_state
from hasten.threading._module import deprecated
from hasten.threading._published import published

cdef object stdlib = threading.Event

cdef hs_state_class states


@cython.final
cdef class EventState:
    cdef hs_state_slot *slot
    cdef hs_mutex guard
    cdef int flag
    cdef int shared
    cdef sleepers asleep

    def __dealloc__(self):
        hs_state_forget(self.slot, <PyObject *>self)

    def __reduce__(self):
        raise TypeError("cannot pickle '_thread.lock' object")

    cdef bint put(self, bint flag) noexcept:
        """Set the flag; returns whether the event is shared, so that `_cond` has to be notified.

        share() precedes the sharer's look at the flag: either it sees this flag, or this call sees `shared`.
        """
        cdef bint shared
        hs_mutex_lock(&self.guard)
        hs_store(&self.flag, flag)
        shared = self.shared
        if flag and self.asleep.waiting.head != NULL:
            unpark(&self.asleep, &self.guard, EVERYBODY)
        else:
            hs_mutex_unlock(&self.guard)
        return shared

    cdef void share(self) noexcept:
        hs_mutex_lock(&self.guard)
        hs_store(&self.shared, True)
        hs_mutex_unlock(&self.guard)

    cdef bint wait(self, int64_t deadline) except -1:
        cdef hs_waiter me
        hs_mutex_lock(&self.guard)
        if self.flag:
            hs_mutex_unlock(&self.guard)
            return True
        return park(&self.asleep, &self.guard, &me, NULL, deadline)


cdef EventState probe = EventState.__new__(EventState)
hs_state_class_init(&states, "_event_state", probe, &probe.slot)


cdef inline EventState state_of(event):
    return <EventState>hs_state_of(&states, event)


cdef int raise_flag(event) except -1:
    """Event.set() without a call of an overriding method."""
    state_of(event).put(True)
    return 0


cdef bint is_raised(event) except -1:
    return hs_load(&state_of(event).flag)


cdef EventState state_for_setting(event):
    """The state; a new one if there is none: a subclass may set attributes without calling __init__()."""
    if not hs_state_exists(&states, event):
        hs_state_set(&states, event, EventState.__new__(EventState))
    return state_of(event)


@published
class Event(stdlib):
    """A flag, at first false, that threads can wait for.

    Thread-safety: all methods may be called from any thread, and from signal handlers.
    """

    if sys.version_info >= (3, 11):
        __getstate__ = attributes_as_state  # before 3.11, a copy shares the state

    def __init__(self):
        hs_state_set(&states, self, EventState.__new__(EventState))

    def __repr__(self):
        cls = type(self)
        state = "set" if self._flag else "unset"
        return f"<{cls.__module__}.{cls.__qualname__} at {id(self):#x}: {state}>"

    def _at_fork_reinit(self):
        """Reset the list of waiters.  For the child of a fork() only."""
        cdef EventState state = state_of(self)
        start_anew(&state.asleep, &state.guard)
        if state.shared:
            self._cond._at_fork_reinit()

    def is_set(self):
        """Whether the flag is true."""
        return <bint>hs_load(&state_of(self).flag)

    def isSet(self):
        """Deprecated name of is_set()."""
        deprecated("isSet() is deprecated, use is_set() instead")
        return self.is_set()

    def set(self):
        """Make the flag true and release all waiting threads."""
        cdef EventState state = state_of(self)
        if hs_load(&state.shared) or state.put(True):
            stdlib.set(self)

    def clear(self):
        """Make the flag false, so that wait() blocks."""
        cdef EventState state = state_of(self)
        if hs_load(&state.shared) or state.put(False):
            stdlib.clear(self)

    def wait(self, timeout=None):
        """Wait until the flag is true, and return True; False if *timeout* ended the wait.

        timeout: seconds to wait at most, any real number; None waits for ever, 0 or less not at all.
        A signal handler that raises ends the wait.  ValueError for NaN.
        """
        cdef EventState state = state_of(self)
        cdef int64_t deadline
        if hs_load(&state.flag) and timeout is None:
            return True
        deadline = hs_deadline_of(timeout)
        if hs_load(&state.flag):
            return True
        if hs_load(&state.shared):
            return stdlib.wait(self, timeout)
        return deadline > 0 and state.wait(deadline)

    @property
    def _flag(self):
        """The flag; can be set, as set() and clear() do."""
        return <bint>hs_load(&state_of(self).flag)

    @_flag.setter
    def _flag(self, flag):
        state_for_setting(self).put(bool(flag))

    @property
    def _cond(self):
        """The condition that the standard library's methods use."""
        state_of(self).share()
        return private_condition(self)

    @_cond.setter
    def _cond(self, condition):
        cdef EventState state = state_for_setting(self)
        own_fields(self)["_cond"] = condition
        state.share()


show_attributes(Event, "_event_state", ("_cond", "_flag"))
