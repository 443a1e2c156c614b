# cython: freethreading_compatible=True
"""Event: one word in a slot of the arena.  See _event.h."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint32_t

from state cimport (
    hs_state_class,
    hs_state_class_init,
    hs_state_forget,
    hs_state_of,
    hs_state_set,
    hs_state_slot,
)
from timeout cimport hs_deadline_of
from hasten.multiprocessing._arena._arena cimport Slot, hs_head, new_slot
from hasten.multiprocessing._sync._locks cimport is_fork
from hasten.multiprocessing._sync._words cimport hs_event_clear, hs_event_is_set, hs_event_set, hs_event_wait

from multiprocessing import synchronize

from hasten.multiprocessing._sync._locks import check_sendable
from hasten.multiprocessing._sync._published import published

cdef hs_state_class states


@cython.final
@cython.no_gc
cdef class EventState:
    cdef hs_state_slot *place
    cdef Slot slot
    cdef hs_head *head
    cdef uint32_t *word

    def __dealloc__(self):
        hs_state_forget(self.place, <PyObject *>self)

    def __reduce__(self):
        raise TypeError("cannot pickle 'EventState' object: pickle the event it belongs to")


cdef EventState probe = EventState.__new__(EventState)
hs_state_class_init(&states, "_event_state", probe, &probe.place)


cdef inline EventState state_of(event):
    return <EventState>hs_state_of(&states, event)


cdef int begin(event, Slot slot, bint fork) except -1:
    cdef EventState state = EventState.__new__(EventState)
    state.slot = slot
    state.head = slot.arena.head
    state.word = <uint32_t *>slot.address
    hs_state_set(&states, event, state)
    event._is_fork_ctx = fork
    return 0


class Flag:
    """Stands for the semaphore `_flag` of the standard library's Event: 1 if the event is set."""

    def __init__(self, event):
        self._event = event

    def get_value(self):
        """1 if the event is set, else 0."""
        return int(self._event.is_set())

    _get_value = get_value  # its name in a `_semlock`

    @property
    def _semlock(self):
        return self

    def acquire(self, block=True, timeout=None):
        """Clear the event; whether it was set."""
        was_set = self._event.wait(timeout if block else 0)
        self._event.clear()
        return was_set

    def release(self):
        """Set the event."""
        self._event.set()


@published
class Event(synchronize.Event):
    """A flag between processes.  Thread-safe; set() and clear() take no lock, so signal handlers may call
    them.

    ctx: the context that it belongs to.
    """

    def __init__(self, *, ctx):
        begin(self, new_slot(), is_fork(ctx))

    def __getstate__(self):
        check_sendable(self)
        return (state_of(self).slot,)

    def __setstate__(self, state):
        begin(self, state[0], False)

    def __repr__(self):
        status = "set" if self.is_set() else "unset"
        return f"<{type(self).__qualname__} at {id(self):#x} {status}>"

    def is_set(self):
        """Whether it is set."""
        return hs_event_is_set(state_of(self).word)

    def set(self):
        """Set the flag and wake all waiters.  Does not block, even if waiters were killed."""
        cdef EventState state = state_of(self)
        hs_event_set(state.head, state.word)

    def clear(self):
        """Clear the flag.  Does not block."""
        hs_event_clear(state_of(self).word)

    def wait(self, timeout=None):
        """Block until the flag is set; False if it was not within *timeout* seconds.

        timeout: any real number; None waits without limit; ValueError for NaN.  True also if the flag was
        set and cleared again during the wait.  A signal handler that raises ends the wait.
        """
        cdef EventState state = state_of(self)
        return <bint>hs_event_wait(state.head, state.word, hs_deadline_of(timeout))

    @property
    def _flag(self):
        return Flag(self)
