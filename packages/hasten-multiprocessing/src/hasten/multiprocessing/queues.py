"""The standard library's `multiprocessing.queues`, compiled: queues between processes.

The API of CPython 3.15 on every supported version.  A queue is a ring in memory that the processes share:
put() pickles the object into it, get() takes it out.  There is no feeder thread, and a process that is killed
does not block the others.

Additions: `shutdown()`; `put_many()`, `get_many()`; `join(timeout=)`; `Queue(strict=True)`, whose put()
raises when an object can't be pickled.

A subclass that uses the pipe, the locks or the feeder thread of the standard library's class gets that
implementation; see _transport/_standard_way.py.
"""

from __future__ import annotations

import collections
import errno
import os
import sys
import threading
import traceback
import types
from multiprocessing import queues as _standard
from multiprocessing.util import debug, register_after_fork
from typing import Any

from hasten.multiprocessing import _registries
from hasten.multiprocessing._transport import _parts, _pickler, _queue, _readiness
from hasten.multiprocessing._transport._parts import lazily
from hasten.multiprocessing._transport._ring import Ring, packed, unpacked
from hasten.multiprocessing._transport._standard_way import goes_standard_way, own_pipe
from hasten.multiprocessing.context import children_may_lack_hasten

__all__ = ["Queue", "SimpleQueue", "JoinableQueue"]

_sentinel = _standard._sentinel  # type: ignore[attr-defined]
__getattr__ = _registries.rest_of(__name__, _standard)
_NO_LIMIT = 0x7FFFFFFF  # `_maxsize` of a queue without a limit


def _new_ring(cls: type, ours: tuple[type, ...], ctx: Any) -> Ring | None:
    """A ring; or None if the standard library's implementation has to be used.

    That is so for a class that needs its parts, for children that may lack hasten, and on a system without
    memfds.
    """
    if goes_standard_way(cls, ours) or children_may_lack_hasten(ctx):
        return None
    try:
        return Ring()
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        return None


def _is_fork(ctx: Any) -> bool:
    return ctx.get_start_method() == "fork"  # type: ignore[no-any-return]


def _check_sendable(queue: Any) -> None:
    from hasten.multiprocessing._sync._locks import check_sendable  # rarely needed, so imported here

    check_sendable(queue)


class Queue(_queue.RingQueue, _standard.Queue):  # type: ignore[misc]
    """A FIFO queue between processes.  Thread-safe.

    maxsize: the largest number of objects; 0 or less for no limit.  ctx: the context that it belongs to.
    strict: whether put() raises the errors of pickling.
    """

    def __init__(self, maxsize: int = 0, *, ctx: Any, strict: bool = False) -> None:
        ring = _new_ring(type(self), (Queue, JoinableQueue), ctx)
        if ring is None:
            self._use_standard(self._standard_class)
            self._standard_class.__init__(self, maxsize, ctx=ctx)
            own_pipe(self)
            return
        self._use_ring(ring, maxsize if maxsize > 0 else _NO_LIMIT, strict)
        self._ctx = ctx
        self._is_fork_ctx = _is_fork(ctx)
        self._opid = os.getpid()
        self._ignore_epipe = False  # for concurrent.futures
        self._reset()
        register_after_fork(self, Queue._after_fork)

    _standard_class: Any = _standard.Queue

    # ---- to another process, and after a fork ----

    def __getstate__(self) -> Any:
        if self._ring is None:
            return self._standard_class.__getstate__(self)
        _check_sendable(self)
        state = {name: getattr(self, name) for name in ("_ignore_epipe", "_maxsize", "_strict", "_opid")}
        return {**state, "ring": packed(self._ring)}

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            self._use_standard(self._standard_class)
            self._standard_class.__setstate__(self, state)
            return
        self._use_ring(unpacked(state["ring"]), state["_maxsize"], state["_strict"])
        self._ctx = None
        self._is_fork_ctx = False
        self._opid, self._ignore_epipe = state["_opid"], state["_ignore_epipe"]
        self._reset()

    def _after_fork(self) -> None:
        debug("Queue._after_fork()")
        self._reset(after_fork=True)

    def _reset(self, after_fork: bool = False) -> None:
        if self._ring is None:
            self._standard_class._reset(self, after_fork)
        else:
            self._joincancelled = self._closed = self._has_put = False

    # ---- the end ----

    def close(self) -> None:
        """Close the queue in this process: later calls of put() and get() raise ValueError.  Objects that
        were put stay available to other processes.  May be called again."""
        if self._ring is None:
            self._standard_class.close(self)
        self._closed = True

    def join_thread(self) -> None:
        """Does nothing: there is no feeder thread to wait for.  AssertionError before close()."""
        if self._ring is None:
            self._standard_class.join_thread(self)
            return
        debug("Queue.join_thread()")
        assert self._closed, f"Queue {self!r} not closed"

    def cancel_join_thread(self) -> None:
        """Does nothing: join_thread() does not wait, and no object is lost."""
        if self._ring is None:
            self._standard_class.cancel_join_thread(self)
            return
        debug("Queue.cancel_join_thread()")
        self._joincancelled = True

    def _terminate_broken(self) -> None:
        """For concurrent.futures: close the queue, whose objects no process will get any more."""
        if self._ring is None and hasattr(self._standard_class, "_terminate_broken"):
            self._standard_class._terminate_broken(self)
            return
        self._reader.close()
        self.close()
        self.join_thread()

    # ---- an object that can't be pickled ----

    @staticmethod
    def _on_queue_feeder_error(e: BaseException, obj: Any) -> None:
        """Called with the exception and the object that could not be pickled; meant to be overridden.

        Prints the traceback, including that of the caller of put().
        """
        if e.__traceback__ is None or threading.current_thread().name == "QueueFeederThread":
            traceback.print_exception(type(e), e, e.__traceback__)
            return
        caller = sys._getframe(1)
        print("Traceback (most recent call last):", file=sys.stderr)
        print("".join(traceback.format_stack(caller)), end="", file=sys.stderr)
        words = traceback.format_exception(type(e), e, e.__traceback__)
        print("".join(words[1:] if words[0].startswith("Traceback") else words), end="", file=sys.stderr)

    # ---- private attributes of the standard library's class, for programs that use them ----

    _thread: Any = None
    _jointhread: Any = None
    _close: Any = None
    _reader: Any = lazily(lambda self: _readiness.Reader(self._ring))
    _writer: Any = lazily(lambda self: _readiness.Writer(self._ring))
    _rlock: Any = lazily(lambda self: _parts.PidLock(self._ring, 0))
    _wlock: Any = lazily(lambda self: _parts.PidLock(self._ring, 1))
    _sem: Any = lazily(_parts.Places)
    _buffer: Any = lazily(lambda self: collections.deque())
    _notempty: Any = lazily(lambda self: threading.Condition(threading.Lock()))
    _poll: Any = lazily(lambda self: self._reader.poll)
    _recv_bytes: Any = lazily(lambda self: self._reader.recv_bytes)
    _send_bytes: Any = lazily(lambda self: self._writer.send_bytes)

    def _start_thread(self) -> None:
        if self._ring is None:
            self._standard_class._start_thread(self)

    @staticmethod
    def _feed(*args: Any) -> None:
        """The standard library's feeder thread, for programs that start it themselves."""
        _standard.Queue._feed(*args)  # type: ignore[attr-defined]

    @staticmethod
    def _finalize_join(twr: Any) -> None:
        _standard.Queue._finalize_join(twr)  # type: ignore[attr-defined]

    @staticmethod
    def _finalize_close(buffer: Any, notempty: Any) -> None:
        _standard.Queue._finalize_close(buffer, notempty)  # type: ignore[attr-defined]

    __class_getitem__ = classmethod(types.GenericAlias)


class JoinableQueue(_queue.JoinableRingQueue, Queue, _standard.JoinableQueue):  # type: ignore[misc]
    """A Queue whose join() blocks until task_done() was called for every object that was put."""

    _standard_class = _standard.JoinableQueue
    _cond: Any = lazily(lambda self: threading.Condition())
    _unfinished_tasks: Any = lazily(_parts.Tasks)

    def __init__(self, maxsize: int = 0, *, ctx: Any, strict: bool = False) -> None:
        Queue.__init__(self, maxsize, ctx=ctx, strict=strict)

    def __getstate__(self) -> Any:
        return Queue.__getstate__(self)

    def __setstate__(self, state: Any) -> None:
        Queue.__setstate__(self, state)


class SimpleQueue(_queue.SimpleRingQueue, _standard.SimpleQueue):  # type: ignore[misc]
    """A queue between processes with put(), get(), empty() and close() only."""

    _standard_class: Any = _standard.SimpleQueue

    def __init__(self, *, ctx: Any) -> None:
        ring = _new_ring(type(self), (SimpleQueue,), ctx)
        if ring is None:
            self._use_standard(_standard.SimpleQueue)
            _standard.SimpleQueue.__init__(self, ctx=ctx)
            own_pipe(self)
            return
        self._use_ring(ring)
        self._is_fork_ctx = _is_fork(ctx)

    def __getstate__(self) -> Any:
        if self._ring is None:
            return _standard.SimpleQueue.__getstate__(self)  # type: ignore[attr-defined]
        _check_sendable(self)
        return {"ring": packed(self._ring)}

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self._use_ring(unpacked(state["ring"]))
            self._is_fork_ctx = False
        else:
            self._use_standard(_standard.SimpleQueue)
            _standard.SimpleQueue.__setstate__(self, state)  # type: ignore[attr-defined]

    _reader: Any = lazily(lambda self: _readiness.Reader(self._ring))
    _writer: Any = lazily(lambda self: _readiness.Writer(self._ring))
    _rlock: Any = lazily(lambda self: _parts.PidLock(self._ring, 0))
    _wlock: Any = lazily(lambda self: _parts.PidLock(self._ring, 1))
    _poll: Any = lazily(lambda self: self._reader.poll)

    __class_getitem__ = classmethod(types.GenericAlias)


_pickler.follow_queues(globals())
