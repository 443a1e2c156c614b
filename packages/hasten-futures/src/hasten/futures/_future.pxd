from compat cimport hs_mutex
from park cimport hs_waitlist
from sleep cimport hs_wakes


cdef enum:  # in the order of a future's life
    PENDING
    RUNNING
    CANCELLED
    CANCELLED_AND_NOTIFIED
    FINISHED


# How wait() and as_completed() hear of a future's end: one watch in the list of each future.
cdef struct watch:
    watch *previous
    watch *next
    watch *next_done   # in the list of who watches
    void *future       # who watches keeps it alive
    void *watcher
    void (*notice)(watch *w, hs_wakes *due) noexcept
    bint linked


cdef class Future:
    cdef hs_mutex guard
    cdef int state
    cdef hs_waitlist asleep
    cdef watch *watches
    cdef object value       # the result
    cdef object error       # the exception, or None
    cdef list callbacks
    cdef object condition   # None until somebody asks for it
    cdef list waiters       # the same
    cdef object function    # the task, until a worker takes it; owned by the pool
    cdef tuple args
    cdef dict kwargs
    cdef void *next_task
    cdef bint pooled        # it is the future of a pool's task
    cdef bint touched       # an attribute was set

    cdef void touch(self) noexcept
    cdef void show(self) noexcept
    cdef bint is_plain(self) noexcept
    cdef object lock(self)
    cdef bint is_done(self) noexcept
    cdef bint has_ended(self) noexcept
    cdef bint add_watch(self, watch *w) noexcept
    cdef void remove_watch(self, watch *w) noexcept
    cdef bint settle(self, int state, int latest, value, error, hs_wakes *due) except -1
    cdef int tell_waiters(self, condition, hs_wakes *due) except -1
    cdef int enter_state(self, int state) except -1
    cdef int begin(self) except -1
    cdef void notice_end(self, hs_wakes *due) noexcept
    cdef int invoke_callbacks(self) except -1
    cdef int wait_until_done(self, timeout) except -1
    cdef int let_it_be_complete(self) except -1
    cdef object outcome(self)


cdef Future new_pooled()
cdef void hide_plain(tuple args) noexcept
