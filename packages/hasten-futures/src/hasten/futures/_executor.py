"""The base class of the executors."""

from concurrent.futures import Executor as _StdlibExecutor

from hasten.futures import _mapping


class Executor(_StdlibExecutor):
    """An executor runs calls elsewhere: in threads, processes or interpreters.

    This is the base class.  Subclasses define submit(), and shutdown() if they hold anything; map() and
    `with` build upon these.  The methods may be called from any thread.
    """

    __module__ = "hasten.futures"

    def submit(self, fn, /, *args, **kwargs):
        """Have fn(*args, **kwargs) run, and return its Future at once.

        RuntimeError after shutdown(); NotImplementedError here, for it is the subclass's to define.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define submit()")

    def map(self, fn, *iterables, timeout=None, chunksize=1, buffersize=None, progress=None):
        """Run fn with the items of the iterables, as map() does; returns an iterator of the results in order.

        timeout: seconds from this call on; to wait longer for a result is a TimeoutError.  None: for ever.
        chunksize: how many items an executor of processes sends at a time; the others ignore it.
        buffersize: how many items may be submitted whose results have not been taken.  None: all of them
            are, before this returns.  Otherwise one more is, from the thread that takes a result.
        progress: True shows a bar (needs tqdm); a function is called as progress(done, total) each time that
            items are finished, one call at a time, in whichever thread that happens.  Its exceptions are
            logged.  total is None if there is a buffersize and an iterable without a length.

        next() of the iterator blocks until the result is there, and raises what the call raised.  After an
        exception, close(), or when an iterator is dropped before its end, calls that have not begun are
        cancelled; all are made if nobody has asked it for a result.
        """
        if progress is False:
            progress = None
        return _mapping.start(self, fn, iterables, timeout, buffersize, progress)

    def shutdown(self, wait=True, *, cancel_futures=False, timeout=None):
        """Take no more calls, and let go of what the executor holds.  May be called again.

        wait: return only when all calls are done that were submitted.
        cancel_futures: cancel calls that have not begun.
        timeout: seconds to wait at most, then TimeoutError; None waits for ever.
        """

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        self.shutdown(wait=True)
        return False
