"""The engine of a pool of worker processes: pending tasks, results, and what happens when a worker ends.

Invariants:

- A task is in `pending` from before it is put into the ring until its result or its loss is known.  The
  thread that removes it from `pending` is the only one that passes the outcome to its sink.
- Taking results from the ring and their tasks from `pending` is one step under the lock `pumping`.  So once
  the ring is found empty under that lock, no result of an ended worker can be under way.
- Sinks are told, and callbacks called, by the result thread only, in the order of arrival.
- A worker that has ended held the task that its slot names, or none (see _take.h).

Threads: `supervisor` waits for workers to end, `receiver` for results, `feeder` for sources.  None of them
keeps the owner of the engine alive.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import deque
from multiprocessing import util
from typing import Any

from hasten.multiprocessing._arena._arena import fork_count
from hasten.multiprocessing._pool import _calls, _ends, _errors, _outcome
from hasten.multiprocessing._pool._by_name import Sender
from hasten.multiprocessing._pool._ends import WAKE, Results, Slots, Tasks
from hasten.multiprocessing._pool._feeder import Feeder, report
from hasten.multiprocessing._pool._pump import Pump
from hasten.multiprocessing._pool._sources import Source
from hasten.multiprocessing._pool._stopping import has_ended, release, stop
from hasten.multiprocessing._transport import _pickler
from hasten.multiprocessing._transport._packing import pack
from hasten.multiprocessing._transport._ring import Ring
from hasten.multiprocessing.connection import wait

RUN, CLOSE, TERMINATE = "RUN", "CLOSE", "TERMINATE"
MOST_TASKS = 4096  # in the ring; further tasks wait in their sources
MOST_BYTES = 1 << 22  # of all tasks in the ring, approximately
BAD_STARTS = 2  # consecutive initializers that raise, until the pool is broken
DEAD_STARTS = 6  # consecutive workers that end before they are ready, until the pool is broken


def new_rings() -> tuple[Tasks, Results]:
    """The two rings of an engine; OSError or AttributeError on a system without memfds."""
    return Tasks(Ring(), Slots()), Results(Ring())


class Engine:
    """pool: the list of workers; ended ones are removed from it.  start(): starts the missing workers, each
    with a side of the tasks from lend(); called whenever a worker has ended; may raise.
    """

    def __init__(
        self, pool: Any, tasks: Tasks, results: Results, start: Any, pending: dict[int, Any] | None = None
    ) -> None:
        self.pool, self.tasks, self.results, self.start = pool, tasks, results, start
        self.state = RUN
        self.pid, self.life = os.getpid(), fork_count()
        self.numbers = itertools.count(1)
        self.by_name = Sender(_pickler.dumps, pack).pieces_if_named
        self.pending: dict[int, Any] = {} if pending is None else pending
        self.arrived: deque[Any] = deque()
        self.feeder = Feeder(self, tasks)
        self.sources, self.taskqueue = self.feeder.sources, self.feeder.queue
        self.free = list(range(_ends.MOST_WORKERS, 0, -1))
        self.pumping = threading.Lock()
        self.starting = threading.RLock()  # held while workers are started or reaped
        self.dead_starts = 0
        self.pumper = Pump(results.ring, self.pending, self.arrived, self.pumping)
        self.over = False  # the supervisor has finished: all workers have ended
        self.last_workers: deque[Any] = deque(maxlen=0)  # that ended after close(); in `pool` after the end
        self.end: Any = None  # after the end: a function that makes the exception for late tasks
        # Raw files: close() closes the descriptor once, even if a signal handler raises in it
        self.wake_reader, self.wake_writer = map(open, os.pipe(), ("rb", "wb"), (0, 0))
        os.set_blocking(self.wake_reader.fileno(), False)
        os.set_blocking(self.wake_writer.fileno(), False)
        self.supervisor = threading.Thread(target=self._supervise, name="hasten-pool-supervisor", daemon=True)
        self.receiver = threading.Thread(target=self._receive, name="hasten-pool-results", daemon=True)
        self.threads: list[threading.Thread] = []

    # ---- tasks ----

    def submit(self, sink: Any, index: int, func: Any, args: Any, kwds: Any, block: bool = False) -> Any:
        """Put a call into the ring.  True if that is done, or the call has failed; False if there is no room;
        None after the end.

        A call that cannot be pickled fails at once, by sink._set().  Blocks for room if *block* is true.
        """
        try:
            pieces = self.by_name(func, args, kwds)
            by_name = pieces is not None
            if not by_name:
                pieces = pack((func, args, kwds), _outcome.WORD)
        except Exception as error:
            self._tell(sink, index, (False, error))
            return True
        size = sum(map(len, pieces)) if len(pieces) > 1 else len(pieces[0])
        limit = MOST_TASKS if size < 1024 else max(len(self.pool) + 1, MOST_BYTES // size)
        number = next(self.numbers)
        done = False
        try:
            self.pending[number] = (sink, index)
            self.tasks.open(number)
            done = self.tasks.put(number, pieces, limit, block, by_name)
        except Exception as error:
            if self.pending.pop(number, None):
                self._tell(sink, index, (False, error))
            return True
        finally:
            if not done:
                self.pending.pop(number, None)
        return done

    def begin(self, pool: Any, func: Any, args: Any, kwds: Any, callback: Any, error_callback: Any) -> Any:
        """Run one call; its ApplyResult, or None after the end and in a forked child.  Does not block."""
        if self.end is not None or self.life != fork_count():
            return None
        result = _calls.new_call(pool, None, None, None, callback, error_callback)
        if self.sources or not self.submit(result, 0, func, args, kwds):
            self.feed(Source(result, iter([(0, func, args, kwds)])))
        return result

    def feed(self, source: Any) -> None:
        """Let the feeder thread submit the calls of a source.  Does not block."""
        self.feeder.feed(source)

    def fed(self) -> None:
        """Called by the feeder when it is done with a source."""
        if self.state is not RUN:
            self._wake()

    def busy(self) -> bool:
        """Whether sources wait for the feeder; later calls have to queue behind them."""
        return bool(self.sources)

    # ---- results ----

    def pump(self) -> int:
        """Move available results to `arrived`, for the result thread; how many."""
        with self.pumping:
            return int(self.pumper.take_locked())

    def notify(self) -> None:
        """Wake the result thread: there is something in `arrived`."""
        if self.pumper.recall() or not (self.pumper.at_ring or self.pumper.caller):
            return
        try:
            self.results.put(WAKE, 0, [])
            self.pumper.wake_all()
        except OSError:  # closed
            pass

    def _receive(self) -> None:
        try:
            self._tell_results()
        except BaseException as error:  # unexpected: fail all tasks, so that no waiter hangs
            try:
                self._break(error)
            finally:
                self.fail_late()

    def _tell_results(self) -> None:
        while True:
            try:
                self.pumper.wait()
                self.pump()
                shut = self.results.is_shut()
            except OSError:
                return
            self._deliver()
            if self.state is not RUN and not self.pending:
                self._wake()
            if shut:
                return
            self._told()

    def _told(self) -> None:
        """Hook: the result thread has delivered all arrived outcomes."""

    def _deliver(self) -> None:
        _calls.deliver(self.arrived, self._tell)

    def _tell(self, sink: Any, index: int, outcome: Any) -> None:
        try:
            sink._set(index, outcome)
        except BaseException:  # of a callback
            report()

    def _fail(self, number: int, error: BaseException) -> None:
        """Fail a task that will never be answered.  With `pumping` held."""
        whose = self.pending.pop(number, None)
        if whose is not None:
            self.arrived.append((whose, None, error))

    def _fail_all(self, why: Any) -> None:
        """Fail all pending tasks; why() makes the exception of each.  With `pumping` held."""
        if _only_daemons_wait():
            self.pending.clear()
        for number in list(self.pending):
            self._fail(number, why())

    def fail_late(self) -> None:
        """Fail tasks that were submitted while the engine ended."""
        with self.pumping:
            self._fail_all(self.why_ended)
        self._deliver()

    # ---- workers ----

    def lend(self) -> Tasks:
        """The side of the tasks for a new worker.  ValueError if there are too many workers."""
        if not self.free:
            raise ValueError(f"a pool has {_ends.MOST_WORKERS} workers at most")
        return self.tasks.side_of(self.free.pop())

    def take_back(self, side: Tasks) -> None:
        self.free.append(side.index)

    def supervise(self) -> None:
        """Start watching the workers and taking results."""
        for thread in (self.supervisor, self.receiver):
            thread.start()
            self.threads.append(thread)

    def _wake(self) -> None:
        try:
            self.wake_writer.write(b"x")
        except (OSError, ValueError):  # closed
            pass

    def _supervise(self) -> None:
        try:
            self._watch()
        except BaseException as error:  # unexpected: fail all tasks, so that no waiter hangs
            self._break(error)
        self._finish()

    def _watch(self) -> None:
        nap: float | None = None
        while True:
            self._wait_for_event(nap)
            with self.starting:
                self._reap()
                if self.end is not None:
                    self._end(self.end)
                    break
                if self.state is CLOSE and not self.pending and not self.sources:
                    self.tasks.shut(False)
                    if not self.pool:
                        break
                    nap = None
                    continue
                nap = self._replace()

    def _wait_for_event(self, nap: float | None) -> None:
        try:
            wait([self.wake_reader, *[w.sentinel for w in list(self.pool) if hasattr(w, "sentinel")]], nap)
        except (OSError, ValueError):  # the program has closed a process object
            time.sleep(0.02)
        try:
            while self.wake_reader.read(4096):
                pass
        except (OSError, ValueError):  # closed
            pass

    def _reap(self) -> None:
        """Remove the workers that have ended from the list, and handle the tasks that they held."""
        for worker in list(self.pool):
            if not has_ended(worker):
                continue
            util.debug(
                f"worker {getattr(worker, '_hasten_pid', None)} has ended with {worker._hasten_exitcode}"
            )
            self.pool.remove(worker)
            if self.state is not RUN:
                self.last_workers.append(worker)
            side = getattr(worker, "_hasten_side", None)
            if side is None:
                continue
            held = self.tasks.taken_by(side.index)
            with self.pumping:
                while self.pumper.take_locked():
                    pass
                self._handle_end(worker, side, held)
            if self.tasks.is_ready(side.index):
                self.pumper.bad_starts = self.dead_starts = 0
            else:
                self.dead_starts += 1
            self.take_back(side)
            self.notify()

    def _handle_end(self, worker: Any, side: Tasks, held: int) -> None:
        """Handle the end of a worker that held the task *held* (0: none).  With `pumping` held."""
        if held:
            self._fail(held, _errors.lost(worker._hasten_pid, worker._hasten_exitcode))

    def _is_ready(self, worker: Any) -> bool:
        side = getattr(worker, "_hasten_side", None)
        return side is not None and bool(self.tasks.is_ready(side.index))

    def _replace(self) -> float | None:
        """Start new workers, or break the pool; seconds until the next attempt, or None."""
        if self.dead_starts >= DEAD_STARTS and any(map(self._is_ready, self.pool)):
            self.dead_starts = 0
        if self.pumper.bad_starts >= BAD_STARTS or self.dead_starts >= DEAD_STARTS:
            self._break(self.pumper.start_error)
            return None
        try:
            self.start()
        except Exception as error:
            self.pumper.start_error = error
            self.dead_starts += 1
            return 0.05
        return None

    # ---- the end ----

    def _break(self, cause: BaseException | None) -> None:
        def why() -> BaseException:
            text = "workers ended before they were ready, several times in a row"
            error = _errors.BrokenPoolError(f"{text}: {cause!r}" if cause is not None else text)
            error.__cause__ = cause
            return error

        self._end(why)

    def _end(self, why: Any) -> None:
        """Accept no more tasks, and fail the pending ones with why()."""
        if self.end is None:
            self.end = why
        self.state = TERMINATE
        self.tasks.shut(True)
        with self.pumping:
            while self.pumper.take_locked():
                pass
            self._fail_all(why)
        self.notify()
        self._wake()

    def why_ended(self) -> BaseException:
        """The exception for a task submitted after the end."""
        error = self.end() if self.end is not None else ValueError("Pool not running")
        return error

    def close(self) -> None:
        """End the workers when all tasks are done.  Does not block."""
        if self.state is RUN:
            self.state = CLOSE
        self._wake()

    def terminate(self) -> None:
        """End the workers now: by SIGTERM, and those still alive after 0.8 seconds by SIGKILL.  Blocks.

        The supervisor does the work and this call waits for it, so it may be called in a signal handler,
        whatever that has interrupted, and again after a KeyboardInterrupt.
        """
        if os.getpid() != self.pid:
            return
        if self.end is None:
            self.end = _terminated
        self.state = TERMINATE
        if self.supervisor.ident is None:  # the thread could not be started
            with self.starting:
                self._end(self.end)
                stop(self.pool)
        self._wake()
        if threading.current_thread() not in self.threads:  # a finalizer may run in any thread
            self.join()

    def _finish(self) -> None:
        """The supervisor's last step: end the remaining workers and the other threads."""
        with self.starting:
            if self.end is None:
                self.end = lambda: ValueError("Pool not running")
            self.state = TERMINATE
            if self.pool:
                stop(self.pool)
                self._reap()
            if self.last_workers:  # a Pool shows them in its list
                for worker in self.last_workers:
                    release(worker)
                self.pool += sorted(self.last_workers, key=lambda worker: getattr(worker, "_identity", ()))
                self.last_workers.clear()
            self.over = True
        self.pump()
        self.taskqueue.put(None)
        self.results.shut()
        self.pumper.recall()

    def join(self, timeout: float | None = None) -> None:
        """Block until the engine's threads have ended; *timeout* seconds for each."""
        me = threading.current_thread()
        for thread in list(self.threads):
            if thread is not me:
                thread.join(timeout)
        if me not in self.threads:
            self._close_files()

    def _close_files(self) -> None:
        me = threading.current_thread()
        if any(thread.is_alive() for thread in self.threads if thread is not me):
            return
        with self.starting:
            for end in (self.tasks, self.results):
                end.close()
            self._close_pipe()

    def _close_pipe(self) -> None:
        for file in self.wake_reader, self.wake_writer:
            file.close()

    def __del__(self) -> None:
        if hasattr(self, "wake_writer"):  # __init__() may have failed
            self._close_pipe()


def _terminated() -> BaseException:
    return _errors.PoolTerminatedError("the pool was terminated before the task was finished")


def _only_daemons_wait() -> bool:
    """Whether the interpreter is exiting and only daemon threads are left.

    Then waiters are not woken and callbacks not called: they would only print tracebacks.
    """
    if not util.is_exiting():
        return False
    ours = (threading.main_thread(), threading.current_thread())
    return all(thread.daemon or thread in ours for thread in threading.enumerate())


_calls.use_outcomes(_ends.OK, _outcome.decode, _outcome.decode_failure)
