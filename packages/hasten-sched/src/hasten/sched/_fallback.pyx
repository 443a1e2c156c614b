# cython: freethreading_compatible=True
"""The way for times and priorities that C cannot compare: Fraction, Decimal, datetime, huge ints, NaN.

As soon as such an event is entered, all events move into a list that heapq keeps in order, which
compares as the standard library's scheduler does.  When the list has run empty, the agenda is used again;
unless a program has asked for the list or its lock (`_queue`, `_lock`), which it may use at any time from
then on.

Comparisons run Python code: other threads get in, and the code may use the very same scheduler.  So
the list has a lock that its holder can take again.  Which of the two is in use changes under that
lock and the guard; whoever has only one of them looks anew after getting it.
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
    """Events in an agenda or, when they are difficult, in a list.  `_scheduler.scheduler` is built on it.

    `events` is the list, or None.
    """

    def __cinit__(self, *arguments, **options):
        self.lock = RLock()
        self.forks = fork_count()

    cdef object locked(self):
        """The list's lock, a new one in a forked child: a thread that is gone may have held the old one.

        It may also have stopped halfway through putting the list in order.
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
        """Forget the list if it is empty; the lock is held."""
        events = self.events
        if events is not None and not events and not self.shown:
            hs_mutex_lock(&self.guard)
            self.events = None
            hs_mutex_unlock(&self.guard)
        return 0

    cdef bint push_on_list(self, event) except -1:
        """Returns whether the event comes first now.  One that cannot be compared is not kept."""
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
        """Hand over the first event if it is due; if it is LATER only its time."""
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
        """Drop the events.  (They go when the lock is free again.)"""
        with self.locked():
            events = self.events
            self.events = [] if events is not None else None
            self.use_agenda()
        return 0

    cdef object show_list(self):
        """The list, which a program may use from now on."""
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
    """Fill in all but the number.  A program may have put anything into the list."""
    time, priority, _, action, argument, kwargs = event
    due.time, due.priority = handed_over(time), handed_over(priority)
    due.action, due.argument, due.kwargs = handed_over(action), handed_over(argument), handed_over(kwargs)
    return 0


cdef int put_back(list events, event) except -1:
    """After a comparison has failed in heappop(), which has moved another event to the root."""
    for other in events:
        if other is event:
            return 0
    events.append(event)
    return 0


cdef Py_ssize_t position(list events, event) except -1:
    """Where an equal event is; ValueError if nowhere."""
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
