"""The base class of the executors."""

from concurrent.futures import Executor as _StdlibExecutor

from hasten.futures import _mapping


class Executor(_StdlibExecutor):
    """An executor runs calls elsewhere: in threads, processes or interpreters.

    This is the base class.  Subclasses define submit(), and shutdown() if they have resources; map() and
    `with` use these.  Thread-safe.
    """

    __module__ = "hasten.futures"

    def submit(self, fn, /, *args, **kwargs):
        """Run fn(*args, **kwargs); its Future.  Does not block.

        RuntimeError after shutdown(); NotImplementedError in this base class.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define submit()")

    def map(self, fn, *iterables, timeout=None, chunksize=1, buffersize=None, progress=None):
        """Run fn with the items of the iterables, as map() does; returns an iterator of the results in order.

        timeout: seconds from this call on, after which next() raises TimeoutError; None: no limit.
        chunksize: how many items an executor of processes sends at a time; the others ignore it.
        buffersize: how many items may be submitted whose results have not been taken.  None: all are
            submitted before this returns.  Otherwise the thread that takes a result submits one more.
        progress: True shows a bar (needs tqdm); a function is called as progress(done, total) each time items
            are finished, one call at a time, in any thread.  Its exceptions are logged.  total is None if
            there is a buffersize and an iterable without a length.

        next() of the iterator blocks until the result is there, and raises the call's exception.  After an
        exception, after close(), and when the iterator is dropped after a first next(), calls that have not
        begun are cancelled.  If next() was never called, all calls are made.
        """
        if progress is False:
            progress = None
        return _mapping.start(self, fn, iterables, timeout, buffersize, progress)

    def shutdown(self, wait=True, *, cancel_futures=False, timeout=None):
        """Accept no more calls, and release the executor's resources.  May be called again.

        wait: block until all submitted calls are done.  cancel_futures: cancel calls that have not begun.
        timeout: seconds after which the wait ends with TimeoutError; None: no limit.
        """

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        self.shutdown(wait=True)
        return False
