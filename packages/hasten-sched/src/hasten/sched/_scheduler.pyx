# cython: freethreading_compatible=True
"""`scheduler`: an ordinary Python class whose C state is a SchedulerState (see state.h).

It is a subclass of the standard library's, so that isinstance() holds for either; every method is ours.
"""

import sched as stdlib
import time as _time_module
from time import monotonic

from cpython.object cimport Py_TYPE

from compat cimport hs_type_tag
from state cimport hs_state_class, hs_state_class_init, hs_state_exists, hs_state_of, hs_state_set, own_fields
from hasten.sched._names cimport replaced_threading
from hasten.sched._operations cimport SchedulerState, unset

include "attributes.pxi"

# The version tag of a type whose enterabs() is ours; no other type has the same
cdef unsigned int direct_tag = 0
cdef object own_enterabs = None

cdef hs_state_class states
cdef SchedulerState any_state = SchedulerState.__new__(SchedulerState)
hs_state_class_init(&states, "_scheduler_state", any_state, &any_state.slot)


cdef inline SchedulerState state_of(scheduler):
    return <SchedulerState>hs_state_of(&states, scheduler)


cdef SchedulerState begin(scheduler):
    """Give the scheduler a new state.  Threads that use the old one keep it."""
    cdef SchedulerState state = SchedulerState.__new__(SchedulerState)
    threading = replaced_threading()
    state.shadowed = "enterabs" in own_fields(scheduler)
    if threading is not None:
        state.set_lock(threading.RLock())
    hs_state_set(&states, scheduler, state)
    return state


cdef SchedulerState state_for_setting(scheduler):
    """The state; a new one if there is none: a subclass may set attributes without calling __init__()."""
    return state_of(scheduler) if hs_state_exists(&states, scheduler) else begin(scheduler)


cdef bint is_direct(SchedulerState state, scheduler) except -1:
    """Whether scheduler.enterabs is ours.  Nearly always the type's tag tells."""
    global direct_tag
    cdef unsigned int tag = hs_type_tag(Py_TYPE(scheduler))
    if state.shadowed:
        return False
    if tag != 0 and tag == direct_tag:
        return True
    if type(scheduler).enterabs is not own_enterabs:
        return False
    direct_tag = tag
    return True


class scheduler(stdlib.scheduler):
    """Runs actions at given times, each once, in the order of time, priority and entry.

    *timefunc*, called without arguments, returns the time; *delayfunc* waits for a difference of two times.
    The defaults are the monotonic clock in seconds and time.sleep.

    Every method may be called from any thread, from actions, signal handlers and finalizers.
    """

    __module__ = "hasten.sched"

    def __init__(self, timefunc=monotonic, delayfunc=_time_module.sleep):
        begin(self)
        self.timefunc = timefunc
        self.delayfunc = delayfunc

    def __setattr__(self, name, value, /):
        """Set an attribute, and note one that overrides enterabs()."""
        super(scheduler, self).__setattr__(name, value)
        if name == "enterabs":
            state_for_setting(self).shadowed = True

    def enterabs(self, time, priority, action, argument=(), kwargs=unset):
        """Have run() call action(*argument, **kwargs) at *time*; returns the event, for cancel().

        Of events with equal times, the one with the lowest *priority* (a number) comes first; of those, the
        one that was entered first.  A run() that waits in time.sleep takes the new event into account.
        """
        return state_of(self).enter_at(time, priority, action, argument, kwargs)

    def enter(self, delay, priority, action, argument=(), kwargs=unset):
        """enterabs() with the time timefunc() + *delay*."""
        cdef SchedulerState state
        time = self.timefunc() + delay
        state = state_of(self)
        if is_direct(state, self):
            return state.enter_at(time, priority, action, argument, kwargs)
        return self.enterabs(time, priority, action, argument, kwargs)

    def cancel(self, event):
        """Remove an event that enter() or enterabs() returned, or an equal one, so that it does not run.

        ValueError if it is not in the queue: it has run, or was cancelled before.  A run() that waits in
        time.sleep for this event wakes up.
        """
        state_of(self).cancel(event)

    def run(self, blocking=True):
        """Run the actions of all events when they are due, until no event is pending.

        Between events wait with delayfunc(remaining time), and call delayfunc(0) after every action, which
        lets other threads run.  (Where delayfunc is time.sleep, a real sleep(0) takes place once a
        millisecond only.)  With a false *blocking* run the events that are due now, and return the time
        remaining until the next one, or None if there is none.

        An exception of an action, timefunc or delayfunc ends run().  The event of that action has been
        removed, all others are still pending, and run() may be called again.  Ctrl-C ends the wait in
        time.sleep.  Actions may use the scheduler, run() included, and several threads may be in run().
        """
        return state_of(self).run(self.timefunc, self.delayfunc, blocking)

    def empty(self):
        """Whether no event is pending; another thread may change that at any time."""
        return state_of(self).nothing_pending()

    @property
    def queue(self):
        """The pending events in the order in which they will run: a new list of named tuples."""
        return state_of(self).in_order()

    @property
    def _queue(self):
        """The heap of the pending events, a list; hold `_lock` to use it.

        Reading it makes this scheduler slower for good: from then on the events are in that list.
        """
        return state_of(self).show_list()

    @_queue.setter
    def _queue(self, events):
        state_for_setting(self).set_list(events)

    @property
    def _lock(self):
        """The lock of `_queue`, which is reentrant.  Reading it makes this scheduler slower for good, too."""
        return state_of(self).show_lock()

    @_lock.setter
    def _lock(self, lock):
        state_for_setting(self).set_lock(lock)


show_attributes(scheduler, "_scheduler_state", ("_queue", "_lock"))
own_enterabs = scheduler.enterabs
