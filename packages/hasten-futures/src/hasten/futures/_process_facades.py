"""Private attributes of the standard library's ProcessPoolExecutor, as views of the engine."""

from __future__ import annotations


class IdleWorkers:
    """`_idle_worker_semaphore`: counts the processes that have finished a call and were given none since."""

    def __init__(self, calls):
        self._calls = calls

    def acquire(self, blocking=True, timeout=None):
        """Take one; False if there is none.  Does not block."""
        if self._calls.idle <= 0:
            return False
        self._calls.idle -= 1
        return True

    def release(self, n=1):
        """Add *n*."""
        self._calls.idle += n


class WaitingCalls:
    """`_work_ids`: the calls that have not been put into the ring, as a queue."""

    def __init__(self, calls):
        self._calls = calls

    def qsize(self):
        """How many there are."""
        return len(self._calls.backlog)

    def empty(self):
        """Whether there are none."""
        return not self._calls.backlog


class CallQueue:
    """`_call_queue`: the ring of tasks, as a queue."""

    def __init__(self, engine):
        self._engine = engine

    def qsize(self):
        """The number of calls in the ring that no process has taken."""
        try:
            return self._engine.tasks.count()
        except OSError:  # closed
            return 0

    def empty(self):
        """Whether there are none."""
        return self.qsize() == 0

    def close(self):
        """Does nothing: the engine closes it."""

    def join_thread(self):
        """Block until the engine has ended; it ends only after shutdown(), or without the executor."""
        self._engine.supervisor.join()


class ResultQueue:
    """`_result_queue`: the ring of results, as a queue."""

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
