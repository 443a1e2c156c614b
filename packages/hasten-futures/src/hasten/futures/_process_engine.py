"""The engine of a ProcessPoolExecutor: that of hasten.multiprocessing's pools, adapted.

Differences from a Pool: tasks are calls with futures (see _process_pool.pyx), workers are started on demand,
and `on_crash` decides what the end of a worker means.

Invariants:

- The engine has only a weak reference to its executor.  When the executor is dropped, submitted calls are
  finished by the existing workers; workers are replaced then only if there is an idle_timeout.
- A worker has ended regularly only if its slot says so.  Any other end is a crash.
- The executor is marked broken before any future fails.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import weakref
from concurrent.futures import TimeoutError
from concurrent.futures import process as _stdlib
from multiprocessing import util

from hasten.futures._process_pool import Calls
from hasten.futures._process_workers import Workers, WorkersOfExecutor
from hasten.multiprocessing._pool import _engine, _errors, _outcome
from hasten.multiprocessing._pool._by_name import Sender
from hasten.multiprocessing._pool._ends import OK, UNREADABLE
from hasten.multiprocessing._pool._worker import serializer_named

RUN, TERMINATE = _engine.RUN, _engine.TERMINATE
# Programs search str(error) for the standard library's messages.
UNUSABLE = "the process pool is not usable anymore"
LATER = f"A child process terminated abruptly, {UNUSABLE}"
PENDING = "A process in the process pool was terminated abruptly while the future was running or pending."
BREAK, FAIL_TASK, RETRY = "break", "fail-task", "retry"


class ExecutorEngine(WorkersOfExecutor):
    """executor: the executor that it serves.  Other parameters: the executor's arguments, and
    WorkersOfExecutor."""

    def __init__(self, executor, most, on_crash, max_retries, least, idle_timeout, settings):
        tasks, results = _engine.new_rings()
        dumps, pack = serializer_named(settings.get("serializer", "pickle"))
        encode = Sender(dumps, pack).pieces
        calls = self.calls = Calls(tasks, encode, _outcome.decode, OK, _engine.MOST_TASKS, _engine.MOST_BYTES)
        super().__init__(most, least, idle_timeout, settings, Workers(), tasks, results, None, calls.pending)
        calls.on_forgotten, calls.on_failure, calls.on_kill = self._one_less, self._not_sent, self.kill
        calls.workers = most
        calls.take_for, calls.recall = self.pumper.take_for, self.pumper.recall
        calls.arrived, calls.notify = self.arrived, self.notify
        self.on_crash, self.max_retries = on_crash, max_retries
        self.timed = {}  # number of a call -> its timeout in seconds
        self.put_down = set()  # IDs of the workers that _put_down() has killed
        self.crash = None  # why the executor has to be broken, or None
        self.executor = weakref.ref(executor, lambda _: self.close())

    # ---- calls ----

    def _one_less(self):
        """Called when a call has left `pending` without an outcome from a worker."""
        if self.state is not RUN and not self.pending:
            self._wake()

    def _not_sent(self, item, error):
        """Fail the future of a call that could not be sent; no other is affected."""
        if error.__cause__ is None:
            error.__cause__ = _cause(_outcome.traceback_of(error))
        self.calls.settle(item, None, error)
        self._one_less()

    def _deliver(self):
        self.calls.deliver(self._failure)
        try:
            self.calls.send()
        except BaseException:  # raised by pickling a call; its future has failed with it
            if threading.current_thread() is not self.receiver:
                raise

    def _told(self):
        if self.pumper.caller:
            self.pumper.wake_all()
        waited_for, self.calls.waited_for = self.calls.waited_for, False
        if waited_for and not self.pending and self.state is RUN:
            self.pumper.stand_by()

    def _failure(self, kind, data):
        """The exception of a call, from a record that is not a result."""
        if kind is None:
            return data
        if kind == OK:
            return _unreadable("the result could not be unpickled", data, _outcome.traceback_of(data))
        text, words, pickled = _outcome.texts_of_failure(data)
        if kind == UNREADABLE:
            return _unreadable("the call could not be unpickled in the worker", words, text)
        try:
            error = _outcome.unpickled_exception(pickled)
        except BaseException as reason:
            text = f"{text}\nThis exception could not be unpickled:\n\n{_outcome.traceback_of(reason)}"
            return _unreadable("the exception of the call could not be unpickled", words, text)
        error.__cause__ = _cause(text)
        return error

    def time(self, future, timeout):
        """Limit a call that was just submitted to *timeout* seconds."""
        self.timed[self.calls.number_of(future)] = timeout
        self._wake()

    def kill(self, number):
        """Kill the worker that is running a call, and forget the call; False if none is."""
        for worker, held, _ in self._held():
            if held == number and self._put_down(worker, number, None):
                self._wake()
                return True
        return False

    def cancel_all(self):
        """Cancel the calls that no worker has taken.

        Spares as many calls as there are idle workers, since these are about to take them.
        """
        with self.starting:
            free = len(self.pool) - sum(1 for _ in self._held())
        for item in list(self.pending.values()):
            if free > 0 and not item.future.running():
                free -= 1
            else:
                item.future.cancel()

    # ---- workers ----

    def _held(self):
        """The calls being run: (worker, number, seconds since it was taken)."""
        for worker in self.pool:
            number, seconds = self.tasks.holding(worker._hasten_side.index)
            if number:
                yield worker, number, seconds

    def _check_times(self):
        """Kill the workers whose calls exceed their timeout; the seconds until the next check, or None.

        The time of a call starts when a worker takes it, so one that is still queued has its whole time left.
        """
        if not self.timed:
            return None
        for number in list(self.timed):
            if number not in self.pending:
                del self.timed[number]
        left = dict(self.timed)
        for worker, number, seconds in self._held():
            if number in left:
                left[number] -= seconds
                if left[number] <= 0:
                    self._put_down(
                        worker,
                        number,
                        TimeoutError(f"the call took longer than {self.timed[number]} seconds"),
                    )
                    del left[number]
        return min(left.values(), default=None)

    def _put_down(self, worker, number, error):
        """Kill a worker if it still runs that call, and fail the call; if *error* is None, forget the call.

        The worker is stopped first (SIGSTOP), so that it cannot take another call between check and kill.
        """
        if not stopped(worker._hasten_pid):
            return False
        with self.pumping:
            while self.pumper.take_locked():
                pass
            has_it = self.tasks.holding(worker._hasten_side.index)[0] == number and number in self.pending
            if has_it:
                self.put_down.add(worker._hasten_pid)
                if error is None:
                    self.pending.pop(number)
                else:
                    self._fail(number, error)
        send(worker._hasten_pid, signal.SIGKILL if has_it else signal.SIGCONT)
        self.notify()
        return has_it

    def _handle_end(self, worker, side, held):
        self.missing += 1
        self.leaving.discard(worker)
        if worker._hasten_pid in self.put_down:
            self.put_down.discard(worker._hasten_pid)
            return
        if self.tasks.has_left(side.index) or self.end is not None:
            return
        item = self.pending.get(held)
        own = item is not None and item.options is not None and item.options.retries is not None
        if not self.tasks.is_ready(side.index) or (self.on_crash == BREAK and not own):
            if self.pending or self.state is RUN:
                self.crash = self._words_of_crash(worker)
            return
        if held:
            self._lost(held, worker)

    def _lost(self, held, worker):
        """Repeat or fail the call that an ended worker held."""
        item = self.pending.get(held)
        if item is None:
            return
        most = self.max_retries if self.on_crash == RETRY else 0
        if item.options is not None and item.options.retries is not None:
            most = item.options.retries
        if item.tries < most or not self.tasks.has_begun(held):
            self.pending.pop(held)
            number = self.calls.repeat(item)
            if held in self.timed:
                self.timed[number] = self.timed.pop(held)
        else:
            said = f"{ended(worker)} while it had this call; other calls are not affected"
            self._fail(held, broken(said, abruptly(worker)))

    def _words_of_crash(self, worker):
        if self.pumper.bad_starts:
            text = _outcome.quoted(str(self.pumper.start_error.__cause__ or self.pumper.start_error))
            return "a worker's initializer has failed", text
        return ended(worker), abruptly(worker)

    def _reap(self):
        super()._reap()
        if self.crash is not None and self.end is None:
            hopeless = self.dead_starts >= _engine.DEAD_STARTS and not any(map(self._is_ready, self.pool))
            if self.on_crash == BREAK or self.pumper.bad_starts or hopeless:
                self.break_all(*self.crash)
            self.crash = None

    # ---- the end ----

    def _break(self, cause):
        self.break_all(
            "the threads of the executor have failed", _outcome.traceback_of(cause) if cause else ""
        )

    def break_all(self, why, text=""):
        """Break the executor: pending calls fail with the message *why*.  text: the cause shown with it."""
        executor = self.executor()
        if executor is not None:
            executor._broken = f"{LATER} ({why})" if self.crash else f"{why}, {UNUSABLE}"
            executor._shutdown_thread = True
        util.debug(f"process pool breaks: {why}")
        words = f"{PENDING} ({why})" if self.crash else why
        self.calls.over = True
        self._end(lambda: broken(words, text))

    def start_threads(self):
        """supervise(), or break."""
        try:
            self.supervise()
        except BaseException as error:
            self.break_all("a thread of the executor could not be started", _outcome.traceback_of(error))
            if self.supervisor.ident is None:
                self._finish()
            self._deliver()
            if not isinstance(error, Exception):
                raise

    def _receive(self):
        super()._receive()
        self.calls.over = True
        if self.supervisor.ident is not None:
            self.supervisor.join()  # it is about to end
        self.recipe = None  # frees the initializer's arguments now, not at the next collection
        _stdlib._threads_wakeups.pop(self.receiver, None)  # the value refers to its key: a cycle
        self._close_files()

    def _wake(self):
        if os.getpid() == self.pid:  # a forked child shares the pipe
            super()._wake()

    def close(self):
        # `over` first: at the end of the interpreter, in free-threaded 3.13, the global `os` may be gone
        if self.over or os.getpid() != self.pid:
            return
        super().close()
        self.calls.send()  # calls that an interrupted submit() has left
        if self.supervisor.ident is None and not self.over:
            self.over = True
            self._close_files()


class Wakeup:
    """The entry of the standard library's registry for an executor's thread: wakes it at exit."""

    def __init__(self, engine):
        self._engine = engine

    def wakeup(self):
        """Wake the threads; if the interpreter is exiting, they end when all calls are done."""
        if _stdlib._global_shutdown:
            self._engine.close()
        else:
            self._engine._wake()

    def clear(self):
        """Does nothing: the threads clear the pipe."""

    def close(self):
        """Does nothing: the engine closes its descriptors when its threads have ended."""


def send(pid, number):
    """Send a signal to a process, if it is still there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def stopped(pid):
    """Send SIGSTOP and wait until the process is stopped, about 0.1 s at most; False if it is gone."""
    if not send(pid, signal.SIGSTOP):
        return False
    try:
        for _ in range(1000):
            with open(f"/proc/{pid}/stat") as file:
                state = file.read().rpartition(")")[2].split()[0]
            if state in "tTZX":
                break
            time.sleep(0.0001)
    except OSError:  # gone; or there is no /proc: allow it some time
        time.sleep(0.001)
    return True


def _cause(text):
    """The traceback of another process, as the cause of an exception."""
    return _stdlib._RemoteTraceback(_outcome.quoted(text))  # type: ignore[arg-type]


def broken(words, text):
    """A BrokenProcessPool for one future."""
    error = _stdlib.BrokenProcessPool(words)
    if text:
        error.__cause__ = _cause(text)
    return error


def _unreadable(what, reason, text):
    return broken(
        f"{what}: {reason if isinstance(reason, str) else repr(reason)}; other calls are not affected", text
    )


def ended(worker):
    """How a worker process ended, in words."""
    return f"worker process {worker._hasten_pid} {_errors.ended_by(worker._hasten_exitcode)}"


def abruptly(worker):
    """The standard library's text for an ended worker, with the exit code."""
    code = worker._hasten_exitcode
    text = f"Process {worker._hasten_pid} terminated abruptly with exit code {code}"
    try:
        return f"{text} ({signal.Signals(-code).name})\n"
    except (ValueError, TypeError):
        return f"{text}\n"
