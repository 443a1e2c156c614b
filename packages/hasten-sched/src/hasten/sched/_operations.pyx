# cython: freethreading_compatible=True
"""The operations of a scheduler, on its C state.

enterabs(), cancel() and run() use the agenda while C can compare all pending events.  Under the guard they
check and move one record, without Python code in between.  So finalizers, signal handlers and other threads
may use the scheduler at any time, also while timefunc, delayfunc or an action runs.  Other events are in the
list of _fallback.pyx; an operation that finds they have moved looks AGAIN.

Where the delayfunc is time.sleep, run() parks instead, and is unparked when an event comes before the one it
waits for, or when that is cancelled.  Another delayfunc is called.
"""

import sched as stdlib
import time as _time_module
from types import BuiltinFunctionType

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_Check
from cpython.long cimport PyLong_Check
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t, uint64_t

from clock cimport hs_deadline_after, hs_now
from compat cimport hs_mutex_lock, hs_mutex_unlock
from state cimport hs_state_forget
from timeout cimport hs_seconds
from hasten.sched._event cimport (as_double, as_long, event_of, new_event, perform, point_into, same_objects,
                                  sequence_of)
from hasten.sched._fallback cimport AGAIN, DUE, LATER, NOTHING, Fallback, not_queued, position
from hasten.sched._names cimport parts_replaced, replaced_event_class
from hasten.sched._pending cimport (handed_over, hs_agenda_add, hs_agenda_cancel,
                                    hs_agenda_first, hs_agenda_first_time, hs_agenda_on_top,
                                    hs_agenda_take_first, hs_next_number, hs_record, hs_record_drop,
                                    hs_record_incref, hs_records_find, take_over)
from hasten.sched._waiting cimport park, unpark_all_locked

cdef enum:
    PAUSE_EVERY = 1000000  # ns

cdef object system_sleep = _time_module.sleep
if not isinstance(system_sleep, BuiltinFunctionType):
    system_sleep = None  # already replaced, as by gevent: call the replacement

unset = stdlib._sentinel


@cython.final
cdef class SchedulerState(Fallback):
    """The state of a scheduler, except timefunc and delayfunc."""

    def __dealloc__(self):
        hs_state_forget(self.slot, <PyObject *>self)

    def __reduce__(self):
        raise TypeError("cannot pickle '_thread.RLock' object")

    def __repr__(self):
        return f"<{self.agenda.records.live if self.events is None else len(self.events)} events>"

    cdef void tell_sleepers(self) noexcept:
        """Unpark all waiters: another event comes first.  The guard is held."""
        self.tops += 1
        unpark_all_locked(&self.sleepers)

    # ---- entering ----

    cdef object enter_at(self, time, priority, action, argument, kwargs):
        cdef double due
        cdef long rank
        cdef uint64_t sequence = hs_next_number(&self.sequence)
        cdef bint implicit = kwargs is unset
        if parts_replaced():
            return self.enter_in_list(time, priority, sequence, action, argument, {} if implicit else kwargs)
        if implicit:
            kwargs = self.no_kwargs()
        event = new_event(time, priority, sequence, action, argument, kwargs)
        if (as_double(time, &due) and as_long(priority, &rank)
                and self.add(due, rank, sequence, event, implicit)):
            return event
        return self.keep_in_list(event)

    cdef object enter_in_list(self, time, priority, uint64_t sequence, action, argument, kwargs):
        event_class = replaced_event_class()
        if event_class is None:
            return self.keep_in_list(new_event(time, priority, sequence, action, argument, kwargs))
        return self.keep_in_list(event_class(time, priority, sequence, action, argument, kwargs))

    cdef object keep_in_list(self, event):
        if self.push_on_list(event):
            hs_mutex_lock(&self.guard)
            self.tell_sleepers()
            hs_mutex_unlock(&self.guard)
        return event

    cdef bint add(self, double due, long rank, uint64_t sequence, event, bint implicit) except -1:
        """Add to the agenda; False if the events are in a list.  *implicit*: kwargs were not given."""
        cdef dict newest = None, _last = None  # _last is dropped after the guard
        cdef hs_record record
        cdef bint added = False, failed = False
        record.sequence = sequence
        point_into(event, &record)
        if implicit:
            newest = <dict>record.kwargs
            record.kwargs = NULL
        hs_record_incref(&record)
        hs_mutex_lock(&self.guard)
        if self.events is None:
            added = hs_agenda_add(&self.agenda, due, rank, record) == 0
            failed = not added
        if added:
            self.changed += 1
            if implicit:
                _last = self.replace_newest(newest, sequence)
            if hs_agenda_on_top(&self.agenda, sequence):
                self.tell_sleepers()
        hs_mutex_unlock(&self.guard)
        if not added:
            hs_record_drop(&record)
            if failed:
                raise MemoryError("no memory for another event in the scheduler")
        return added

    # ---- cancelling ----

    cdef int cancel(self, event) except -1:
        while not self.remove_from_agenda(event):
            if self.remove_from_list(event):
                hs_mutex_lock(&self.guard)
                self.tell_sleepers()
                hs_mutex_unlock(&self.guard)
                break
        return 0

    cdef bint remove_from_agenda(self, event) except -1:
        """False if the events are in a list."""
        cdef uint64_t sequence
        cdef hs_record found
        cdef hs_record *pending
        if not sequence_of(event, &sequence):
            return self.search_and_remove(event)
        hs_mutex_lock(&self.guard)
        if self.events is not None:
            hs_mutex_unlock(&self.guard)
            return False
        pending = hs_records_find(&self.agenda.records, sequence)
        if pending == NULL:
            hs_mutex_unlock(&self.guard)
            raise not_queued(event)
        self.complete(pending)
        if same_objects(pending, event):
            self.remove(pending)
            return True
        found = pending[0]
        hs_record_incref(&found)
        hs_mutex_unlock(&self.guard)
        if found.kwargs == NULL:
            found.kwargs = handed_over({})
        try:
            equal = event_of(&found) == event
        finally:
            hs_record_drop(&found)
        if not equal:
            raise not_queued(event)
        return self.remove_number(sequence, event)

    cdef bint remove_number(self, uint64_t sequence, event) except -1:
        cdef hs_record *pending
        cdef bint in_list
        hs_mutex_lock(&self.guard)
        in_list = self.events is not None
        pending = NULL if in_list else hs_records_find(&self.agenda.records, sequence)
        if pending != NULL:
            self.remove(pending)
            return True
        hs_mutex_unlock(&self.guard)
        if in_list:
            return False
        raise not_queued(event)

    cdef void remove(self, hs_record *pending) noexcept:
        """Remove a record from the agenda and drop it.  The guard is held before and free afterwards."""
        cdef hs_record record
        self.changed += 1
        if hs_agenda_on_top(&self.agenda, pending.sequence):
            self.tell_sleepers()
        record = hs_agenda_cancel(&self.agenda, pending)
        hs_mutex_unlock(&self.guard)
        hs_record_drop(&record)

    cdef bint search_and_remove(self, event) except -1:
        """remove_from_agenda() for an object that may be equal to any event."""
        events = self.listed(NULL)
        if events is None:
            return False
        return self.remove_number(events[position(events, event)][2], event)

    # ---- running ----

    cdef object run(self, timefunc, delayfunc, blocking):
        cdef hs_record due
        cdef uint64_t tops
        cdef int found
        cdef int64_t last_pause = hs_now()
        cdef bint naps = delayfunc is system_sleep
        while not self.nothing_pending():
            tops = self.tops
            now = timefunc()
            found = self.take(now, &due)
            if found == DUE:
                perform(&due)
                if naps and hs_now() - last_pause < PAUSE_EVERY:
                    PyErr_CheckSignals()
                else:
                    delayfunc(0)
                    last_pause = hs_now() if naps else 0
            elif found == LATER:
                delay = take_over(due.time) - now
                if not blocking:
                    return delay
                if naps and is_real(delay):
                    self.sleep_for(delay, tops)
                else:
                    delayfunc(delay)
        return None

    cdef int take(self, now, hs_record *due) except -1:
        """Take the first event if it is DUE; if LATER get only its time."""
        cdef double at
        cdef int found = AGAIN
        while found == AGAIN:
            if self.events is not None:
                found = self.take_from_list(now, due)
            elif as_double(now, &at):
                found = self.take_from_agenda(at, due)
            else:
                found = self.compare_and_take(now, due)
        return found

    cdef int take_from_agenda(self, double now, hs_record *due) noexcept:
        cdef hs_record *first
        cdef int found
        hs_mutex_lock(&self.guard)
        first = hs_agenda_first(&self.agenda)
        if self.events is not None:
            found = AGAIN
        elif first == NULL:
            found = NOTHING
        elif hs_agenda_first_time(&self.agenda) > now:
            found = LATER
            due.time = first.time
            Py_INCREF(<object>due.time)
        else:
            found = DUE
            due[0] = hs_agenda_take_first(&self.agenda, first)
            self.complete(due)
            self.changed += 1
        hs_mutex_unlock(&self.guard)
        return found

    cdef int compare_and_take(self, now, hs_record *due) except -1:
        """take_from_agenda() for a timefunc whose results C cannot compare."""
        cdef hs_record *first
        cdef uint64_t sequence
        cdef int found = AGAIN
        hs_mutex_lock(&self.guard)
        first = hs_agenda_first(&self.agenda)
        if first == NULL or self.events is not None:
            found = NOTHING if self.events is None else AGAIN
            hs_mutex_unlock(&self.guard)
            return found
        sequence = first.sequence
        due.time = first.time
        Py_INCREF(<object>due.time)
        hs_mutex_unlock(&self.guard)
        time = take_over(due.time)
        if time > now:
            due.time = handed_over(time)
            return LATER
        hs_mutex_lock(&self.guard)
        first = hs_agenda_first(&self.agenda)
        if self.events is None and first != NULL and first.sequence == sequence:
            found = DUE
            due[0] = hs_agenda_take_first(&self.agenda, first)
            self.complete(due)
            self.changed += 1
        hs_mutex_unlock(&self.guard)
        return found

    cdef int sleep_for(self, delay, uint64_t tops) except -1:
        """Park for *delay* seconds, unless another event has come first since `tops` was read."""
        cdef double seconds
        hs_seconds(delay, &seconds)
        cdef int64_t deadline = hs_deadline_after(seconds)
        hs_mutex_lock(&self.guard)
        if self.tops != tops:
            hs_mutex_unlock(&self.guard)
            return 0
        return park(&self.sleepers, &self.guard, deadline)

    # ---- looking ----

    cdef bint nothing_pending(self) except -1:
        cdef int found = AGAIN
        while found == AGAIN:
            hs_mutex_lock(&self.guard)
            if self.events is None:
                found = LATER if self.agenda.records.live > 0 else NOTHING
            hs_mutex_unlock(&self.guard)
            if found == AGAIN:
                found = self.look_at_list()
        return found == NOTHING

    cdef list in_order(self):
        """The pending events in the order in which they will run."""
        events = None
        while events is None:
            events = self.listed(NULL)
            if events is None:
                events = self.copy_of_list()
        return events


cdef bint is_real(value) except -1:
    """Whether this is a number of seconds, not for instance a timedelta."""
    return PyFloat_Check(value) or PyLong_Check(value) or hasattr(value, "__float__")
