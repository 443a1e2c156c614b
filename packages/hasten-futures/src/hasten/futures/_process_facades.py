"""What programs look at of the private parts of a ProcessPoolExecutor: the engine in the shape of queues."""

from __future__ import annotations


class IdleWorkers:
    """Counts the processes that have made a call and were not counted upon since; as a semaphore."""

    def __init__(self, calls):
        self._calls = calls

    def acquire(self, blocking=True, timeout=None):
        """Count upon one of them; False if there is none.  Does not block."""
        if self._calls.idle <= 0:
            return False
        self._calls.idle -= 1
        return True

    def release(self, n=1):
        """*n* more of them."""
        self._calls.idle += n


class WaitingCalls:
    """The calls that have not been sent to the processes, as a queue of their numbers."""

    def __init__(self, calls):
        self._calls = calls

    def qsize(self):
        """How many there are."""
        return len(self._calls.backlog)

    def empty(self):
        """Whether there are none."""
        return not self._calls.backlog


class CallQueue:
    """What programs look at of the queue to the processes."""

    def __init__(self, engine):
        self._engine = engine

    def qsize(self):
        """How many calls were sent that no process has taken."""
        try:
            return self._engine.tasks.count()
        except OSError:  # closed
            return 0

    def empty(self):
        """Whether there are none."""
        return self.qsize() == 0

    def close(self):
        """Nothing: the engine closes it."""

    def join_thread(self):
        """Wait until the engine has ended, as far as shutdown() has been called or the executor is gone."""
        self._engine.supervisor.join()


class ResultQueue:
    """What programs look at of the queue from the processes."""

    def __init__(self, engine):
        self._engine = engine

    @property
    def _reader(self):
        return self

    def poll(self, timeout=0.0):
        """Whether there is a result that was not taken."""
        try:
            return self._engine.results.wait(timeout)
        except OSError:  # closed
            return False

    def empty(self):
        """Whether there is none."""
        return not self.poll()

    def close(self):
        """Nothing: the engine closes it."""
