# cython: freethreading_compatible=True
"""Executor.map(): every item is submitted, and the results come out in the order of the items.

start() submits all items (or the first *buffersize*) by the executor's submit(), which a subclass may
override. It returns an iterator over the results.  The iterator drops its reference to a future before it
yields the result.  For submitting one more item per result taken it has only a weak reference to the
executor, so an unused pool can be collected while its results are being read.

One thread at a time may advance the iterator; another one gets the ValueError that a generator would raise.
So only `busy` needs the guard.
"""

from weakref import ref

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from cpython.tuple cimport PyTuple_GET_SIZE
from libc.stdint cimport int64_t

from clock cimport HS_NEVER, hs_now
from compat cimport hs_mutex, hs_mutex_lock, hs_mutex_unlock
from timeout cimport hs_deadline_of

cdef extern from "Python.h":
    object PyObject_VectorcallMethod(object name, PyObject **args, size_t count, PyObject *names)
    PyObject *PyIter_Next(object iterator) except? NULL
    PyObject *PyTuple_GET_ITEM(object items, Py_ssize_t index)
    const size_t PY_VECTORCALL_ARGUMENTS_OFFSET
    const Py_ssize_t PY_SSIZE_T_MAX

cdef enum:
    COMPACT_FROM = 64  # slots that were read before the list of a buffered iterator is cut at its front


@cython.final
cdef class Results:
    """The iterator that Executor.map() returns: the results of the calls, in the order of the items.

    next() blocks until the next result is there.  If it raises (the call's exception, TimeoutError, or an
    exception of the iterables or of submit()), calls that have not begun are cancelled and the iterator ends.
    So do close() and dropping the iterator, except that a dropped iterator whose next() was never called
    cancels nothing: `pool.map(f, items)` as a statement runs all calls.  Not thread-safe: ValueError.
    """

    cdef object __weakref__
    cdef list futures          # None: closed
    cdef Py_ssize_t first      # index in futures; those before it were yielded
    cdef int64_t deadline
    cdef object items          # iterator of the argument tuples still to be submitted; None: exhausted
    cdef object executor       # a weak reference, while there are items
    cdef object fn
    cdef object progress       # a hasten.futures._progress.Progress, or None
    cdef PyObject **arguments  # of submit(): the executor, fn, the arguments of fn
    cdef hs_mutex guard
    cdef bint busy
    cdef bint begun            # whether next() was called
    cdef bint chunked          # the last argument of each call is a tuple of items

    def __dealloc__(self):
        PyMem_Free(self.arguments)

    def __iter__(self):
        return self

    def __next__(self):
        self.enter()
        self.begun = True
        try:
            if self.advance():
                return result_of(self.pop(), self.deadline)
            self.end()
        except StopIteration as error:  # raised by a call: must not end the iteration
            self.give_up(True)
            raise RuntimeError("generator raised StopIteration") from error
        except BaseException:
            self.give_up(True)
            raise
        finally:
            self.leave()
        raise StopIteration

    def close(self):
        """close($self)
--

        Cancel what has not begun, and end the iteration.

        Does not wait for calls that run.  ValueError while another thread is in next().
        """
        self.enter()
        try:
            self.give_up(True)
        finally:
            self.leave()

    def __del__(self):
        if self.begun:
            self.give_up(False)
        elif self.progress is not None:
            self.progress.leave_alone()

    cdef int enter(self) except -1:
        hs_mutex_lock(&self.guard)
        cdef bint busy = self.busy
        self.busy = True
        hs_mutex_unlock(&self.guard)
        if busy:
            raise ValueError("generator already executing: another thread, or an outer call, is in it")
        return 0

    cdef void leave(self) noexcept:
        hs_mutex_lock(&self.guard)
        self.busy = False
        hs_mutex_unlock(&self.guard)

    # ---- submitting ----

    cdef int set_source(self, fn, items, Py_ssize_t width) except -1:
        """Set the calls to be submitted: *fn* with each of *items*, tuples of length *width*."""
        self.arguments = <PyObject **>PyMem_Malloc((width + 2) * sizeof(PyObject *))
        if self.arguments == NULL:
            raise MemoryError
        self.fn = fn
        self.items = items
        self.futures = []
        return 0

    cdef int submit_up_to(self, executor, Py_ssize_t limit) except -1:
        """Submit up to *limit* items; negative: all."""
        while limit != 0 and self.submit_next(executor):
            limit -= 1
        return 0

    cdef bint submit_next(self, executor) except -1:
        """Submit the next item; False if there is none."""
        cdef PyObject *item = PyIter_Next(self.items)
        cdef Py_ssize_t i, width, size = 1
        if item == NULL:
            self.source_ended()
            return False
        try:
            width = PyTuple_GET_SIZE(<object>item)
            if self.chunked:
                size = PyTuple_GET_SIZE(<object>PyTuple_GET_ITEM(<object>item, width - 1))
            self.arguments[0] = <PyObject *>executor
            self.arguments[1] = <PyObject *>self.fn
            for i in range(width):
                self.arguments[2 + i] = PyTuple_GET_ITEM(<object>item, i)
            future = PyObject_VectorcallMethod(
                "submit", self.arguments, (2 + width) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL
            )
        finally:
            Py_DECREF(<object>item)  # early: zip() reuses its tuple if that has no other reference
        self.futures.append(future)
        if self.progress is not None:
            self.progress.submitted(future, size)
        return True

    cdef int source_ended(self) except -1:
        self.items = self.fn = self.executor = None
        if self.progress is not None:
            self.progress.all_submitted()
        return 0

    # ---- handing out ----

    @cython.boundscheck(False)
    @cython.wraparound(False)
    cdef bint advance(self) except -1:
        """Whether there is a future to wait for.  With a buffersize, submits one more item first."""
        if self.futures is None or self.first == len(self.futures):
            return False
        if self.executor is not None:
            executor = self.executor()
            if executor is not None:
                self.submit_next(executor)
        return True

    @cython.boundscheck(False)
    @cython.wraparound(False)
    cdef object pop(self):
        """Remove and return the next future."""
        future = self.futures[self.first]
        self.futures[self.first] = None
        self.first += 1
        if self.first >= COMPACT_FROM and self.first * 2 > len(self.futures) and self.executor is not None:
            del self.futures[:self.first]
            self.first = 0
        return future

    cdef int end(self) except -1:
        """End the iteration after the last result; blocks until progress was reported."""
        cdef object progress = self.progress
        self.futures = self.progress = self.items = self.fn = self.executor = None
        if progress is not None:
            progress.finish()
        return 0

    cdef int give_up(self, bint wait) except -1:
        """Cancel the calls that have not begun, and end the iteration."""
        cdef list futures = self.futures
        cdef object progress = self.progress
        cdef Py_ssize_t i
        self.futures = self.progress = self.items = self.fn = self.executor = None
        try:
            if futures is not None:
                for i in range(self.first, len(futures)):
                    futures[i].cancel()
        finally:
            if progress is not None:
                progress.give_up(wait)
        return 0


cdef object result_of(future, int64_t deadline):
    """future.result() with the time that is left; if that raises, the future is cancelled."""
    cdef PyObject *arguments[2]
    cdef size_t count = 1
    cdef object timeout
    arguments[0] = <PyObject *>future
    if deadline != HS_NEVER:
        timeout = max(0, deadline - hs_now()) / 1e9
        arguments[1] = <PyObject *>timeout
        count = 2
    try:
        return PyObject_VectorcallMethod("result", arguments, count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
    except BaseException:
        future.cancel()
        raise


def start(executor, fn, tuple iterables, timeout, buffersize, progress, tuple items=None):
    """Executor.map(): submit, and return the iterator over the results.

    progress: the argument of map(), or None.  items: map()'s iterables, for counting, if the last of
    *iterables* yields chunks (tuples of their items).
    """
    cdef Results results = Results()
    cdef Py_ssize_t limit = limit_of(buffersize)
    results.deadline = hs_deadline_of(timeout)
    results.chunked = items is not None
    results.set_source(fn, zip(*iterables), len(iterables))
    if progress is not None:
        from hasten.futures._progress import Progress
        results.progress = Progress(progress, iterables if items is None else items, limit >= 0)
    try:
        results.submit_up_to(executor, limit)
    except BaseException:
        # Submitted calls are not cancelled
        results.futures = None
        results.give_up(True)
        raise
    if results.items is not None:
        results.executor = ref(executor)
    return results


cdef Py_ssize_t limit_of(buffersize) except? -2:
    """How many items to submit at first; -1: all."""
    if buffersize is None:
        return -1
    if not isinstance(buffersize, int):
        raise TypeError(f"buffersize must be an integer or None, not {type(buffersize).__name__!r}")
    if buffersize < 1:
        raise ValueError(f"buffersize must be None or > 0, not {buffersize}")
    return min(buffersize, PY_SSIZE_T_MAX)
