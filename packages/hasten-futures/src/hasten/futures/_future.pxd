cimport cython

from libc.stdint cimport int64_t, uint64_t

from compat cimport hs_mutex
from park cimport hs_waitlist
from sleep cimport hs_wakes
from state cimport hs_state_slot


cdef enum:  # in the order of a future's life
    PENDING
    RUNNING
    CANCELLED
    CANCELLED_AND_NOTIFIED
    FINISHED


# A notification request of wait() and as_completed(): one watch in the list of each future.
cdef struct watch:
    watch *previous
    watch *next
    watch *next_done   # in the watcher's list of arrived watches
    void *future       # the object; the watcher keeps it alive
    void *state        # its FutureState, or NULL; the watcher owns a reference
    void *watcher
    void (*notice)(watch *w, bint failed, hs_wakes *due) noexcept
    bint linked


@cython.final
cdef class FutureState:
    cdef hs_state_slot *slot  # state.h's
    cdef hs_mutex guard
    cdef int state
    cdef hs_waitlist asleep
    cdef watch *watches
    cdef object value       # the result
    cdef object error       # the exception, or None
    cdef list callbacks
    cdef object condition   # None until first access
    cdef list waiters       # None until first access
    cdef object function    # the task, until a worker takes it; owned by the pool
    cdef tuple args
    cdef dict kwargs
    cdef void *next_task    # while it is queued
    cdef void *queued       # while it is queued: the future, a reference of the queue; NULL for a bare item
    cdef bint pooled        # whether it is the state of a pool's task
    cdef bint touched       # whether a program has set an attribute of the future
    cdef object remote      # for a call that runs in another process: the Calls object to ask; else None
    cdef uint64_t number    # of the call, for `remote`
    cdef bint sent          # the call is in the ring: only `remote` can cancel it
    cdef bint withdrawn     # it was cancelled before, and must not be sent

    cdef object lock(self)
    cdef int unlock(self, condition) except -1
    cdef bint is_done(self) noexcept
    cdef bint has_ended(self) noexcept
    cdef object get_value(self)
    cdef object get_error(self)
    cdef bint add_watch(self, watch *w) noexcept
    cdef void remove_watch(self, watch *w) noexcept
    cdef void notice_end(self, hs_wakes *due) noexcept
    cdef int enter_state(self, int state) except -1
    cdef int wait_until_done(self, timeout) except -1
    cdef int park_until_done(self, int64_t deadline) except -1
    cdef void ask_for_end(self) noexcept
    cdef int sync_with_external_setter(self) except -1
    cdef object outcome(self)
    cdef void forget_call(self) noexcept
    cdef list take_callbacks(self)
    cdef int seen_state(self) except -1
    cdef bint withdraw(self) except -1


cdef FutureState state_of(future)
cdef bint is_ours(future) noexcept
cdef FutureState new_pooled_state()
cdef object new_pooled(FutureState state)
cdef void hide_plain(tuple args) noexcept
cdef bint is_plain(future, FutureState self) noexcept
cdef bint may_send(FutureState self) noexcept
cdef int begin(future, FutureState self) except -1
cdef bint settle(
    future, FutureState self, int state, int latest, value, error, hs_wakes *due
) except -1
cdef int invoke_callbacks(future, FutureState self) except -1
cdef void show(future, FutureState self) noexcept
