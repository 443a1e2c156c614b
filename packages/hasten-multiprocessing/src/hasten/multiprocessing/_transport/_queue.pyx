# cython: freethreading_compatible=True
"""put() and get() of the queues, on a ring.

A queue without a ring works as the standard library's: each method calls the one of the standard library's
class, with a pipe and a feeder thread.  See queues.py for when.
"""

from queue import Empty, Full

try:
    from queue import ShutDown
except ImportError:
    from hasten.queue import ShutDown

from libc.stdint cimport int64_t, uint64_t

from clock cimport HS_NEVER
from function cimport publish_methods
from shm_ring cimport HS_RING_DONE, HS_RING_EMPTY, HS_RING_FULL, HS_RING_SHUT
from timeout cimport hs_deadline_of
from hasten.multiprocessing._transport._records cimport NotPicklable, object_of, put_object
from hasten.multiprocessing._transport._ring cimport Record, Ring

cdef enum:
    NO_LIMIT = 0x7fffffff  # SEM_VALUE_MAX: the standard library's `_maxsize` for a queue without a limit


cdef int64_t deadline_of(block, timeout) except -1:
    if not block:
        return 0
    return HS_NEVER if timeout is None else hs_deadline_of(timeout)


cdef object standard_class_of(queue):
    """The standard library's class for a queue without a ring whose subclass has set up the pipe and the
    locks itself, in its own __setstate__() or __init__().  RuntimeError if it has not.
    """
    if "_reader" not in vars(queue) and "_writer" not in vars(queue):
        raise RuntimeError(f"{type(queue).__name__}.__init__() was not called")
    return queue._standard_class


cdef object take(Ring ring, bint block, int64_t deadline):
    """Remove and return the next object; raises Empty or ShutDown."""
    cdef Record record
    cdef int status = ring.get(block, deadline, &record)
    if status == HS_RING_DONE:
        return object_of(&record)
    raise Empty if status == HS_RING_EMPTY else ShutDown


cdef class RingQueue:
    """The base of Queue and JoinableQueue."""

    cdef readonly Ring _ring          # None: works as the standard library's
    cdef object standard              # the standard library's class, if so
    cdef uint64_t limit               # records; 0: none
    cdef object maxsize
    cdef readonly bint _strict
    cdef public bint _closed, _ignore_epipe, _joincancelled
    cdef public bint _has_put         # in this process
    cdef public object _opid

    def _use_ring(self, Ring ring, maxsize, bint strict):
        """Initialise with a ring: a new one, or a received one."""
        self._ring, self._maxsize, self._strict = ring, maxsize, strict

    def _use_standard(self, cls):
        """Initialise without a ring: *cls* is the standard library's class."""
        self.standard = cls

    @property
    def _maxsize(self):
        return self.maxsize

    @_maxsize.setter
    def _maxsize(self, value):
        self.maxsize = value
        self.limit = value if 0 < value < NO_LIMIT else 0

    cdef int check_open(self) except -1:
        if self._closed:
            raise ValueError(f"Queue {self!r} is closed")
        return 0

    # ---- put ----

    def put(self, obj, block=True, timeout=None):
        """Put an object.  It is pickled before put() returns, so later changes of it have no effect.

        If the queue has a maxsize and is full, blocks until a place is free: without limit, or up to
        *timeout* seconds, or, if *block* is false, not at all; then raises Full.  Without a maxsize it does
        not block.

        An object that can't be pickled is reported by _on_queue_feeder_error(), and put() returns; a
        `strict` queue raises the pickler's error.  ShutDown after shutdown(), ValueError after close(),
        OSError if memory is lacking.  Thread-safe; may be called in signal handlers.
        """
        if self._ring is None:
            return self.standard_class().put(self, obj, block, timeout)
        self.put_until(obj, block, deadline_of(block, timeout))

    cdef int put_until(self, obj, bint block, int64_t deadline) except -1:
        cdef int status
        self.check_open()
        if self._ring.writer_closed:
            raise OSError("handle is closed")
        if self.limit and not block and self._ring.count() >= self.limit:
            status = HS_RING_SHUT if self._ring.is_shut() else HS_RING_FULL
        else:
            try:
                status = put_object(self._ring, obj, self.limit, block, deadline)
            except NotPicklable as carrier:
                error = (<NotPicklable>carrier).error
                status = -1
        if status == HS_RING_DONE:
            self._has_put = True
            return 0
        if status == HS_RING_FULL:
            raise Full
        if status == HS_RING_SHUT:
            raise ShutDown
        self._has_put = True
        if self._strict:
            raise error
        try:
            raise error
        except Exception as caught:  # hooks look at sys.exc_info() too
            self._on_queue_feeder_error(caught, obj)
        return 0

    def put_nowait(self, obj):
        """put(obj, False)."""
        return self.put(obj, False)

    def put_many(self, items, block=True, timeout=None):
        """Put all *items*, an iterable, in order; their number.

        As one put() after the other: items of other processes may come between.  *timeout*, in seconds, is
        for the whole call.  If this raises, the exception's attribute `remaining` lists the items not put.
        """
        cdef list todo = list(items)
        cdef Py_ssize_t done = 0
        cdef int64_t deadline = deadline_of(block, timeout)
        try:
            for item in todo:
                if self._ring is None:
                    self.put(item, block, timeout)
                else:
                    self.put_until(item, block, deadline)
                done += 1
        except BaseException as error:
            error.remaining = todo[done:]
            raise
        return done

    # ---- get ----

    def get(self, block=True, timeout=None):
        """Remove an object and return it.

        If there is none, blocks: without limit, or up to *timeout* seconds, or, if *block* is false, not at
        all; then raises Empty.  ShutDown after shutdown(), once the queue is empty; ValueError after close();
        the errors of unpickling.  Thread-safe; may be called in signal handlers.
        """
        if self._ring is None:
            return self.standard_class().get(self, block, timeout)
        self.check_open()
        if self._ring.reader_closed:
            raise OSError("handle is closed")
        return take(self._ring, block, deadline_of(block, timeout))

    def get_nowait(self):
        """get(False)."""
        return self.get(False)

    def get_many(self, max, block=True, timeout=None):
        """Remove and return up to *max* objects as a list, in order.

        Waits for the first one as get() does (with the same errors), never for the others.  If one can't be
        unpickled, those before it are in the attribute `taken` of the exception.
        """
        cdef Py_ssize_t most = max
        if most < 1:
            raise ValueError(f"max must be at least 1, not {max!r}")
        cdef list taken = [self.get(block, timeout)]
        try:
            while len(taken) < most:
                taken.append(self.get(False))
        except (Empty, ShutDown):
            pass
        except BaseException as error:
            error.taken = taken
            raise
        return taken

    # ---- looking ----

    def qsize(self):
        """The current number of objects."""
        return self.standard_class().qsize(self) if self._ring is None else self._ring.count()

    def empty(self):
        """Whether there is no object.  Exact: False as soon as a put() has returned.

        OSError after close() in a process that has put something, as in the standard library.
        """
        if self._ring is None:
            return self.standard_class().empty(self)
        if self._ring.reader_closed or (self._closed and self._has_put):
            raise OSError("handle is closed")
        return self._ring.count() == 0

    def full(self):
        """Whether there are `maxsize` objects."""
        if self._ring is None:
            return self.standard_class().full(self)
        return self._ring.count() >= self.limit > 0

    # ---- the end ----

    def shutdown(self, immediate=False):
        """Make put() raise ShutDown from now on, in all processes, and get() once the queue is empty.

        immediate: empty the queue first; its objects count as done.  Wakes all calls that are blocked in
        put(), get() or join().
        """
        if self._ring is None:
            raise NotImplementedError(f"{type(self).__name__} goes the standard library's way: no shutdown()")
        self._ring.shut(immediate)

    cdef object standard_class(self):
        if self.standard is None:
            self.standard = standard_class_of(self)
        return self.standard


cdef class JoinableRingQueue(RingQueue):
    """The base of JoinableQueue."""

    def task_done(self):
        """Count an object as done.  ValueError if all objects that were put are done already."""
        if self._ring is None:
            self.standard_class().task_done(self)
        elif not self._ring.task_done():
            raise ValueError("task_done() called too many times")

    def join(self, timeout=None):
        """Block until task_done() was called for every object that was put.

        True, or False if that did not happen within *timeout* seconds (None: no limit).
        """
        if self._ring is not None:
            return self._ring.join(timeout)
        if timeout is not None:
            raise NotImplementedError(f"{type(self).__name__} goes the standard library's way: no timeout")
        self.standard_class().join(self)
        return True


cdef class SimpleRingQueue:
    """The base of SimpleQueue."""

    cdef readonly Ring _ring
    cdef object standard

    def _use_ring(self, Ring ring):
        """Initialise with a ring: a new one, or a received one."""
        self._ring = ring

    def _use_standard(self, cls):
        """Initialise without a ring: *cls* is the standard library's class."""
        self.standard = cls

    def put(self, obj):
        """Pickle and put an object; raises the errors of pickling.  Does not block.  Thread-safe."""
        cdef int status
        if self._ring is None:
            return self.standard_class().put(self, obj)
        if self._ring.writer_closed:
            raise OSError("handle is closed")
        try:
            status = put_object(self._ring, obj, 0, True, HS_NEVER)
        except NotPicklable as carrier:
            error = (<NotPicklable>carrier).error
        else:
            if status != HS_RING_DONE:
                raise ShutDown
            return None
        raise error

    def get(self):
        """Remove an object and return it; blocks while there is none.  Thread-safe."""
        if self._ring is None:
            return self.standard_class().get(self)
        if self._ring.reader_closed:
            raise OSError("handle is closed")
        return take(self._ring, True, HS_NEVER)

    def empty(self):
        """Whether there is no object."""
        return self.standard_class().empty(self) if self._ring is None else self._ring.count() == 0

    def close(self):
        """Close the queue in this process: every later use of it is an OSError."""
        if self._ring is None:
            self.standard_class().close(self)
        else:
            self._ring.reader_closed = self._ring.writer_closed = True
            self._ring.close()

    cdef object standard_class(self):
        if self.standard is None:
            self.standard = standard_class_of(self)
        return self.standard


_compiled = type(RingQueue.put)
for _kind in (RingQueue, JoinableRingQueue, SimpleRingQueue):
    for _method in vars(_kind).values():
        if hasattr(_method, "__code__"):
            _method.__qualname__ = _method.__qualname__.replace("RingQueue", "Queue")  # the public class
    publish_methods(_kind, "hasten.multiprocessing.queues", _compiled)
del _compiled, _kind, _method
