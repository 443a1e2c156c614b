# cython: freethreading_compatible=True
"""Events whose times or priorities C cannot compare: Fraction, Decimal, datetime, huge ints, NaN.

When one is entered, all events move into a list that heapq keeps in order, with Python's comparisons as in
the standard library.  When the list is empty, the agenda is used again, unless a program has read `_queue`
or `_lock`: it may use these at any time from then on.

Invariant: the events are in the agenda or in the list.  Which one changes only under both the list's lock and
the guard; a thread that holds one of them re-checks after acquiring it.  The lock is reentrant, because
comparisons run Python code, which may use the same scheduler.
"""

from reprlib import repr as shortened

from libc.stdint cimport uint64_t

from hasten._thread import RLock

from compat cimport hs_mutex_lock, hs_mutex_unlock
from hasten.sched._names cimport heap
from hasten.sched._pending cimport (Pending, hs_agenda, hs_agenda_detach, hs_agenda_free, hs_record,
                                    handed_over, hs_record_drop)
from hasten.sched._waiting cimport fork_count


cdef class Fallback(Pending):
    """Events in an agenda, or in the list `events`.  Base of `_operations.SchedulerState`."""

    def __cinit__(self, *arguments, **options):
        self.lock = RLock()
        self.forks = fork_count()

    cdef object locked(self):
        """The list's lock; a new one in a forked child, unless this thread holds the old one.

        A thread that does not exist there may have held it, and may have left the list out of order.
        """
        if self.forks != fork_count() and not self.given:
            fresh = RLock()
            if self.forks != fork_count():
                self.forks = fork_count()
                if not self.lock._is_owned():
                    self.lock = fresh
                    if self.events is not None:
                        heap().heapify(self.events)
        return self.lock

    cdef int use_list(self) except -1:
        """Move the events of the agenda to a list; the lock is held."""
        cdef hs_agenda moved
        cdef uint64_t changed = 0
        cdef bint done
        while self.events is None:
            events = self.listed(&changed)
            hs_mutex_lock(&self.guard)
            done = self.events is None and changed == self.changed
            if done:
                moved = hs_agenda_detach(&self.agenda)
                self.changed += 1
                self.events = events
            hs_mutex_unlock(&self.guard)
            if done:
                hs_agenda_free(&moved)
        return 0

    cdef int use_agenda(self) except -1:
        """Drop the list if it is empty and no program has seen it; the lock is held."""
        events = self.events
        if events is not None and not events and not self.shown:
            hs_mutex_lock(&self.guard)
            self.events = None
            hs_mutex_unlock(&self.guard)
        return 0

    cdef bint push_on_list(self, event) except -1:
        """Returns whether the event comes first.  One whose comparison raises is not kept."""
        with self.locked():
            self.use_list()
            events = self.events
            try:
                heap().heappush(events, event)
            except BaseException:
                for i in range(len(events)):
                    if events[i] is event:
                        del events[i]
                        break
                heap().heapify(events)
                raise
            return events[0] is event

    cdef int take_from_list(self, now, hs_record *due) except -1:
        """Take the first event if it is DUE; if LATER get only its time."""
        with self.locked():
            events = self.events
            if events is None:
                return AGAIN
            while events:
                event = events[0]
                if event[0] > now:
                    due.time = handed_over(event[0])
                    return LATER
                if events and events[0] is event:  # the comparison may have changed the list
                    hand_over(event, due)
                    try:
                        heap().heappop(events)
                    except BaseException:
                        hs_record_drop(due)
                        put_back(events, event)
                        raise
                    self.use_agenda()
                    return DUE
            self.use_agenda()
            return NOTHING

    cdef bint remove_from_list(self, event) except -1:
        """False if there is no list, and ValueError if the event is not in it."""
        with self.locked():
            if self.events is None:
                return False
            del self.events[position(self.events, event)]
            heap().heapify(self.events)
            self.use_agenda()
            return True

    cdef int look_at_list(self) except -1:
        """AGAIN if there is no list, NOTHING if it is empty, else LATER."""
        with self.locked():
            if self.events is None:
                return AGAIN
            return LATER if self.events else NOTHING

    cdef list copy_of_list(self):
        """The events in their order, or None if there is no list."""
        with self.locked():
            if self.events is None:
                return None
            events = self.events[:]
        heappop = heap().heappop
        return [heappop(events) for _ in range(len(events))]

    cdef int empty_list(self) except -1:
        """Drop the events, which are deallocated after the lock is released."""
        with self.locked():
            events = self.events
            self.events = [] if events is not None else None
            self.use_agenda()
        return 0

    cdef object show_list(self):
        """The list, for a program, which may use it at any time from now on."""
        with self.locked():
            self.use_list()
            self.shown = True
            return self.events

    cdef object show_lock(self):
        self.show_list()
        return self.locked()

    cdef int set_list(self, events) except -1:
        """Use a program's list."""
        cdef list given = events
        with self.locked():
            self.use_list()
            self.shown = True
            hs_mutex_lock(&self.guard)
            self.events, events = given, self.events
            hs_mutex_unlock(&self.guard)
        return 0

    cdef int set_lock(self, lock) except -1:
        """Use a program's lock."""
        self.show_list()
        hs_mutex_lock(&self.guard)
        self.given = True
        self.lock, lock = lock, self.lock
        hs_mutex_unlock(&self.guard)
        return 0


cdef int hand_over(event, hs_record *due) except -1:
    """Fill in all but the number.  Raises for what is no event: a program may have put it into the list."""
    time, priority, _, action, argument, kwargs = event
    due.time, due.priority = handed_over(time), handed_over(priority)
    due.action, due.argument, due.kwargs = handed_over(action), handed_over(argument), handed_over(kwargs)
    return 0


cdef int put_back(list events, event) except -1:
    """Keep an event after a comparison has raised in heappop(), which may have removed it."""
    for other in events:
        if other is event:
            return 0
    events.append(event)
    return 0


cdef Py_ssize_t position(list events, event) except -1:
    """The index of an equal event; ValueError if there is none."""
    cdef Py_ssize_t i = 0
    while i < len(events):
        candidate = events[i]
        # the comparison may have changed the list
        if (candidate is event or candidate == event) and i < len(events) and events[i] is candidate:
            return i
        i += 1
    raise not_queued(event)


cdef object not_queued(event):
    return ValueError(f"event not in queue: {shortened(event)}; it has run or was cancelled before, or it "
                      "belongs to another scheduler")
