"""InterpreterPoolExecutor: a pool of threads, each of which runs its calls in an interpreter of its own.

Only the public module concurrent.interpreters is used, which CPython has from 3.14 on.  On older versions
the names exist, and making an executor says what is needed.

Our compiled modules do not load in subinterpreters, so nothing of ours is imported there.  Only do_call()
runs there, a function without globals, which Interpreter.call() sends as code.
"""

from __future__ import annotations

import hasten.futures.thread as thread  # not "from": the package's name may be the standard library's

try:
    from concurrent import interpreters
    from concurrent.futures import interpreter as _stdlib
except ImportError:
    interpreters = _stdlib = None


if interpreters is None:

    class ExecutionFailed(RuntimeError):
        """The exception of a call in another interpreter, if that could not be sent."""

    class BrokenInterpreterPool(thread.BrokenThreadPool):
        """The initializer of an interpreter of the pool has failed."""

    _BASES: tuple[type, ...] = (thread.ThreadPoolExecutor,)
else:
    ExecutionFailed = interpreters.ExecutionFailed
    BrokenInterpreterPool = _stdlib.BrokenInterpreterPool
    _BASES = (thread.ThreadPoolExecutor, _stdlib.InterpreterPoolExecutor)


def do_call(results, func, args, kwargs):
    try:
        return func(*args, **kwargs)
    except BaseException as error:
        from contextlib import suppress

        with suppress(Exception):  # if it can't be sent, ExecutionFailed describes it
            results.put(error)
        raise


class WorkerContext(thread.WorkerContext):
    """The interpreter of one worker, made and closed by the worker's thread.

    initdata: the initializer's call, (fn, args, kwargs), or None.
    """

    @classmethod
    def prepare(cls, initializer, initargs):
        """Two functions for the pool: one makes a context, the other a task from submit()'s arguments."""

        def resolve_task(fn, args, kwargs):
            if isinstance(fn, str):
                raise TypeError(f"scripts not supported: give a callable instead of {fn!r}")
            return fn, args, kwargs

        initdata = None if initializer is None else resolve_task(initializer, initargs, {})
        return (lambda: cls(initdata)), resolve_task

    def __init__(self, initdata):
        self.initdata = initdata
        self.interp = self.results = None

    def __del__(self):
        self.finalize()

    def initialize(self):
        """Make the interpreter, and run the initializer in it."""
        self.interp = interpreters.create()
        try:
            self.results = interpreters.create_queue()
            if self.initdata is not None:
                self.run(self.initdata)
        except BaseException:
            self.finalize()
            raise

    def finalize(self):
        """Close the interpreter, if there is one."""
        interp, self.interp, self.results = self.interp, None, None
        if interp is not None:
            interp.close()

    def run(self, task):
        """Run a task in the interpreter; its result, or raise its exception, caused by ExecutionFailed.

        ExecutionFailed itself if the exception can't be pickled, or unpickled here.  Blocks.
        """
        try:
            return self.interp.call(do_call, self.results, *task)
        except ExecutionFailed as failed:
            error = self._sent_error()
            if error is None:
                raise
            raise error from failed

    def _sent_error(self):
        """The exception that the failed task has sent, or None."""
        try:
            return self.results.get_nowait()
        except Exception:  # nothing was sent, or it can't be unpickled
            return None


class InterpreterPoolExecutor(*_BASES):  # type: ignore[misc]
    """A ThreadPoolExecutor whose threads each run their calls in an interpreter with a GIL of its own.

    max_workers, thread_name_prefix: as for ThreadPoolExecutor.
    initializer, initargs: called first in each interpreter.  If it raises, the pool is broken:
        BrokenInterpreterPool.

    Functions, arguments and results are passed by Interpreter.call(): shareable objects and functions without
    globals directly, the rest pickled; NotShareableError if that fails.  Modules are imported separately in
    each interpreter; some extension modules (ours too) don't support that, and raise ImportError.

    RuntimeError below CPython 3.14, which lacks concurrent.interpreters.
    """

    __module__ = "hasten.futures"
    BROKEN = BrokenInterpreterPool

    def __init__(self, max_workers=None, thread_name_prefix="", initializer=None, initargs=()):
        """See the class."""
        if interpreters is None:
            raise RuntimeError(
                "InterpreterPoolExecutor needs concurrent.interpreters, which CPython has from 3.14 on: "
                "use a ThreadPoolExecutor or a ProcessPoolExecutor here"
            )
        name = thread_name_prefix or f"InterpreterPoolExecutor-{self._counter()}"
        super().__init__(max_workers, name, initializer, initargs)

    @classmethod
    def prepare_context(cls, initializer, initargs):
        """Called once by the pool's constructor: see WorkerContext.prepare()."""
        return WorkerContext.prepare(initializer, initargs)
