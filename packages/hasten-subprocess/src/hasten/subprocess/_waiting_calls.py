"""Waiting for children: Popen.wait(), Popen.poll() and wait_any()."""

import os
import select
import subprocess as _stdlib
import sys
from math import isnan
from time import monotonic as _time  # noqa: F401 (the public module's)
from time import sleep

from hasten.subprocess import _child_end, _spawn
from hasten.subprocess._child_end import poll as poll_child
from hasten.subprocess._child_end import (
    reap_at_end,
    reap_unless_busy,
    set_standard_parts,
    sleep_until_end,
)
from hasten.subprocess._descriptors import Pidfd
from hasten.subprocess._shown import shown

LONGEST_SLEEP = 24 * 3600  # seconds; poll() takes milliseconds that fit into an int
_CAN_USE_PIDFD_OPEN = hasattr(os, "pidfd_open") and _spawn.HAVE_VFORK
TimeoutExpired = _stdlib.TimeoutExpired
_public = sys.modules[__package__]


class Waits:
    """The part of Popen that waits for the child and reaps it.

    Invariant: waitpid() is called only with _waitpid_lock held, and only while returncode is None.
    Otherwise a second waitpid() could reap a later child with the same pid.
    """

    returncode: "int | None"
    _sigint_wait_secs: float  # seconds that wait() still gives the child after Ctrl-C

    def wait(self, timeout=None):
        """Block until the child has ended; returns returncode.

        timeout: seconds, any real number; None: no limit.  TimeoutExpired after it; ValueError for NaN.
        Releases the GIL; uses no CPU meanwhile.  After Ctrl-C, the first time, the child gets 0.25 seconds
        to end before KeyboardInterrupt is raised.
        """
        deadline = deadline_after(timeout)
        try:
            return self._wait(timeout=timeout)
        except KeyboardInterrupt:
            self._wait_politely(deadline)
            raise

    def poll(self):
        """Whether the child has ended: returncode, or None if it has not.  Does not block."""
        return self._internal_poll()

    def _wait_politely(self, deadline):
        """After Ctrl-C, which the child has probably received, too: wait for its end, once, up to 0.25
        seconds."""
        seconds, self._sigint_wait_secs = self._sigint_wait_secs, 0
        if deadline is not None:
            seconds = min(seconds, deadline - _public._time())
        if seconds > 0:
            try:
                self._wait(timeout=seconds)
            except TimeoutExpired:
                return

    def _wait(self, timeout):
        if self.returncode is not None:
            return self.returncode
        if timeout is None:
            while self.returncode is None:
                reap_at_end(self)
            return self.returncode
        deadline = deadline_after(timeout)
        if timeout < 0:
            raise TimeoutExpired(self.args, timeout)
        ended = False
        while not reap_unless_busy(self):
            remaining = deadline - _public._time()
            if remaining <= 0:
                raise TimeoutExpired(self.args, timeout)
            if ended:  # but not reapable: it is traced by a debugger, or another thread is reaping it
                sleep(min(remaining, 0.001))
                continue
            ended = sleep_until_end(self, remaining)
            if not ended and remaining < LONGEST_SLEEP and not reap_unless_busy(self):
                raise TimeoutExpired(self.args, timeout)  # even if a replaced clock has not advanced
        return self.returncode

    def _try_wait(self, wait_flags):
        """waitpid() for the child: (pid, status).  With _waitpid_lock held."""
        try:
            return os.waitpid(self.pid, wait_flags)
        except ChildProcessError:
            # SIGCHLD is ignored, or other code has reaped it: the status is lost
            return self.pid, 0

    def _handle_exitstatus(self, sts):
        """Set returncode from a wait status.  With _waitpid_lock held."""
        if os.WIFSTOPPED(sts):
            self.returncode = -os.WSTOPSIG(sts)
        else:
            self.returncode = os.waitstatus_to_exitcode(sts)

    def _internal_poll(self, _deadstate=None, _poll=poll_child):
        """poll(); _deadstate: the returncode if there is no such child.  Does not block.

        __del__() calls it at exit, when the globals of this module may be None: hence the default argument.
        """
        return _poll(self, _deadstate)

    def _wait_pidfd(self, timeout):
        """Block until the child has ended, by a pidfd, or for *timeout* seconds; whether it has; None without
        pidfds.  Used for programs that replace os.pidfd_open()."""
        if not _public._CAN_USE_PIDFD_OPEN:
            return None
        try:
            pidfd = Pidfd(self.pid)
        except OSError:
            return None
        try:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            return bool(poll.poll(min(timeout, LONGEST_SLEEP) * 1000))
        finally:
            pidfd.close()


@shown
def wait_any(procs, timeout=None):
    """Block until at least one of several children has ended; a list of those that have, in their order.

    procs: an iterable of Popen objects.  Those in the result are reaped by their poll(), which sets
        returncode.  Without procs the list is empty at once.
    timeout: seconds, any real number; None: no limit; 0 or less: does not block.  After it the list is empty.

    Releases the GIL, and uses no CPU meanwhile.  Uses a descriptor per child while it waits (on Linux); if
    there are too few, a thread per child, which is slower to set up (raise RLIMIT_NOFILE then).  Signal
    handlers run; if one raises, so does this call.  Thread-safe.  ValueError for NaN; OSError if there are
    too few threads, too.
    """
    return _child_end.wait_any(procs, timeout)


def deadline_after(timeout):
    """The time of the monotonic clock after *timeout* seconds; None for None; ValueError for NaN."""
    if timeout is None:
        return None
    if isnan(timeout):
        raise ValueError("timeout must be a number of seconds, not NaN")
    return _public._time() + float(timeout)


set_standard_parts(Waits._try_wait, Waits._handle_exitstatus, Waits._internal_poll, Waits._wait_pidfd)
