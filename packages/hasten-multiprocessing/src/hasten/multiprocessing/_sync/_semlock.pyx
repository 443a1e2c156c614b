# cython: freethreading_compatible=True
"""`_semlock` of a lock or semaphore: its word in the arena, with the methods of _multiprocessing.SemLock.

acquire() and release() of a lock are bound methods of its `_semlock`, as in the standard library.
"""

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport INT32_MAX, int64_t, uint32_t, uint64_t

from clock cimport HS_NEVER, hs_now
from state cimport hs_state_forget
from timeout cimport hs_deadline_of
from hasten.multiprocessing._arena._arena cimport Slot, hs_process_id, new_slot, this_process
from hasten.multiprocessing._sync._words cimport (
    HS_CHECK_HOLDER_EVERY,
    HS_INHERITED,
    HS_LATE,
    HS_UNITS,
    hs_condition,
    hs_condition_wake,
    hs_holder,
    hs_load32,
    hs_load64,
    hs_lock,
    hs_lock_give,
    hs_lock_inherit,
    hs_lock_is_mine,
    hs_lock_try,
    hs_lock_wait,
    hs_semaphore_give,
    hs_semaphore_take,
    hs_semaphore_wait,
    hs_thread_pointer,
)

cdef extern from "Python.h":
    PyObject *Py_True

cdef extern from "method_entry.h":
    ctypedef PyObject *(*hs_method_entry)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *) noexcept
    hs_method_entry hs_exchange_entry(object descriptor, hs_method_entry instead) except NULL


cdef inline bint is_taken(SemLock self) noexcept:
    """Take it without waiting if it is free, or recursive and held by this thread; whether it was taken.

    A function rather than a method, so that the compiler inlines it.
    """
    cdef hs_lock *lock = <hs_lock *>self.address
    cdef uint64_t me
    if self.mode == COUNTED:
        return hs_semaphore_take(<uint32_t *>self.address, 0) and self.note(1)
    me = hs_process_id(self.process)
    if self.mode == RECURSIVE and hs_lock_is_mine(lock, me):
        lock.depth += 1
        return True
    return hs_lock_try(lock, me)


@cython.final
@cython.no_gc
cdef class SemLock:
    """A lock (kind 0: recursive) or a semaphore (kind 1) in memory that processes share."""

    SEM_VALUE_MAX = INT32_MAX  # the most units that a semaphore may have

    def __dealloc__(self):
        hs_state_forget(self.place, <PyObject *>self)

    def __reduce__(self):
        raise TypeError("cannot pickle 'SemLock' object: pickle the lock it belongs to")

    # ---- the C side ----

    cdef bint take_now(self) noexcept:
        return is_taken(self)

    cdef bint take(self, int64_t deadline) except -1:
        """Wait for it; False if the deadline has passed."""
        cdef hs_lock *lock = <hs_lock *>self.address
        cdef int taken
        if self.mode == COUNTED:
            return hs_semaphore_wait(self.head, <uint32_t *>self.address, deadline) and self.note(1)
        if deadline == 0:
            return self.inherit_now()
        taken = hs_lock_wait(self.head, lock, self.process, deadline)
        if taken == HS_INHERITED:
            self.inherited = True
        return taken != HS_LATE

    cdef bint inherit_now(self) noexcept:
        """Take it over from a dead holder, without waiting; whether it was taken.

        Checking whether a holder is alive is slow, so the same one is checked every 10 ms at most.
        """
        cdef hs_lock *lock = <hs_lock *>self.address
        cdef uint64_t word = hs_load64(&lock.word)
        cdef int64_t now = hs_now()
        if hs_holder(word) == self.seen and now - self.seen_at < HS_CHECK_HOLDER_EVERY:
            return False
        self.seen = hs_holder(word)
        self.seen_at = now
        if not hs_lock_inherit(lock, word, hs_process_id(self.process)):
            return False
        self.inherited = True
        return True

    cdef bint note(self, int change) noexcept:
        """Count the semaphore units held by this process.  Restarts at 0 in a forked child."""
        if self.forks != self.process.forks:
            self.forks = self.process.forks
            self.held = 0
        self.held += change
        if change > 0:
            self.thread = hs_thread_pointer()
        return True

    cdef int give(self) except -1:
        cdef hs_lock *lock = <hs_lock *>self.address
        if self.mode == COUNTED:
            if not hs_semaphore_give(self.head, <uint32_t *>self.address, self.maxvalue):
                raise ValueError("semaphore or lock released too many times")
            self.note(-1)
            return 0
        if self.mode == RECURSIVE:
            if not hs_lock_is_mine(lock, hs_process_id(self.process)):
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if lock.depth > 1:
                lock.depth -= 1
                return 0
        if self.due is not None:
            self.give_and_wake()
        elif not hs_lock_give(self.head, lock):
            raise ValueError("semaphore or lock released too many times")
        return 0

    cdef void give_and_wake(self) noexcept:
        """Release the lock, then make the deferred wake-ups of a condition: its waiters find the lock
        free."""
        cdef Slot due
        cdef int count
        with cython.critical_section(self):
            due = self.due
            self.due = None
            count = self.due_count
        hs_lock_give(self.head, <hs_lock *>self.address)
        if due is not None:
            hs_condition_wake(due.arena.head, <hs_condition *>due.address, count)

    cdef void wake_later(self, Slot slot, int count) noexcept:
        """Defer the wake-ups of a notified condition to the release of this lock, which the caller holds."""
        cdef Slot before
        with cython.critical_section(self):
            before = self.due
            if before is slot:
                count += self.due_count
                before = None
            self.due = slot
            self.due_count = count if count > 0 else INT32_MAX
        if before is not None:  # two conditions with one lock
            hs_condition_wake(before.arena.head, <hs_condition *>before.address, INT32_MAX)

    cdef bint is_mine(self) noexcept:
        if self.mode == COUNTED:
            return self.depth() > 0 and self.thread == hs_thread_pointer()
        return hs_lock_is_mine(<hs_lock *>self.address, hs_process_id(self.process))

    cdef int depth(self) noexcept:
        cdef hs_lock *lock = <hs_lock *>self.address
        if self.mode == COUNTED:
            return self.held if self.forks == self.process.forks else 0
        return lock.depth if hs_holder(hs_load64(&lock.word)) == hs_process_id(self.process) else 0

    cdef int give_all(self) noexcept:
        """For Condition.wait() of the holder: release the lock completely; the depth for take_back()."""
        cdef hs_lock *lock = <hs_lock *>self.address
        cdef int depth = lock.depth
        if self.due is not None:
            self.give_and_wake()
        else:
            hs_lock_give(self.head, lock)
        return depth

    cdef int take_back(self, int depth, bint raised) except -1:
        """Acquire the lock with its former depth.

        A signal handler's exception is raised once the lock is held; a second one is raised at once, without
        the lock.  raised: whether there has been a first one already.
        """
        cdef hs_lock *lock = <hs_lock *>self.address
        cdef object kept = None
        if not hs_lock_try(lock, hs_process_id(self.process)):
            try:
                self.take(HS_NEVER)
            except BaseException as error:
                if raised:
                    raise
                kept = error
            if kept is not None:
                self.take(HS_NEVER)
        lock.depth = depth
        if kept is not None:
            raise kept
        return 0

    # ---- the methods of _multiprocessing.SemLock ----

    @cython.binding(False)
    def acquire(self, block=True, timeout=None):
        """Acquire it, blocking until that is possible; whether it was acquired.

        block: if false, do not wait.  timeout: seconds, any real number; None waits without limit.
        A signal handler that raises ends the wait.  ValueError for NaN.
        """
        cdef int64_t deadline = HS_NEVER
        if timeout is not None:
            deadline = hs_deadline_of(timeout)
        if self.take_now():
            return True
        return self.take(deadline if block else 0)

    @cython.binding(False)
    @cython.always_allow_keywords(False)
    def release(self):
        """Release it.  Does not block.  ValueError if it is not held; AssertionError if it is a recursive
        lock held by another thread."""
        self.give()

    @cython.binding(False)
    @cython.always_allow_keywords(False)
    def __enter__(self):
        return self.take_now() or self.take(HS_NEVER)

    @cython.binding(False)
    def __exit__(self, exc_type=None, exc_value=None, exc_tb=None):
        self.give()

    def _count(self):
        """The recursion depth of a lock, or the units of a semaphore, that this process holds."""
        return self.depth()

    def _is_mine(self):
        """Whether this thread holds it."""
        return self.is_mine()

    def _get_value(self):
        """The number of units left."""
        if self.mode == COUNTED:
            return hs_load32(<uint32_t *>self.address) & HS_UNITS
        return 0 if hs_load64(<uint64_t *>self.address) else 1

    def _is_zero(self):
        """Whether no unit is left."""
        return self._get_value() == 0

    def _after_fork(self):
        """Does nothing: locks name their process, and note() notices the fork."""

    @classmethod
    def _rebuild(cls, Slot slot not None, int mode, unsigned int maxvalue):
        return semlock_in(slot, mode, maxvalue)

    def _state(self):
        """The arguments of _rebuild() in another process."""
        return self.slot, self.mode, self.maxvalue

    @property
    def owner_died(self):
        """Whether the lock was taken over from a dead holder.  Reading it resets it."""
        told, self.inherited = self.inherited, False
        return told

    @property
    def handle(self):
        return <uint64_t>self.address

    @property
    def name(self):
        """None: it has no name, and nothing in /dev/shm."""
        return None


cdef SemLock semlock_in(Slot slot, int mode, unsigned int maxvalue):
    cdef SemLock semlock = SemLock.__new__(SemLock)
    semlock.slot = slot
    semlock.address = slot.address
    semlock.head = slot.arena.head
    semlock.process = this_process()
    semlock.forks = semlock.process.forks
    semlock.mode = mode
    semlock.kind = 0 if mode == RECURSIVE else 1
    semlock.maxvalue = maxvalue
    return semlock


cdef SemLock new_semlock(int mode, unsigned int value, unsigned int maxvalue):
    cdef SemLock semlock = semlock_in(new_slot(), mode, maxvalue)
    if mode == COUNTED:
        (<uint32_t *>semlock.address)[0] = value
    return semlock


# ---- acquire() without arguments ----

cdef PyObject *acquire_usual(
    PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names
) noexcept:
    """acquire() without arguments of a free lock, the usual case; all other calls go to acquire() itself."""
    if nargs == 0 and names == NULL and is_taken(<SemLock>self):
        Py_INCREF(<object>Py_True)
        return Py_True
    return acquire_general(self, args, nargs, names)


cdef hs_method_entry acquire_general = hs_exchange_entry(SemLock.__dict__["acquire"], acquire_usual)
