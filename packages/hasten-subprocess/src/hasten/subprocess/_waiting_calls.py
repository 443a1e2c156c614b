"""Waiting for a child: wait(), poll() and what they share."""

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
    """The part of Popen that learns of the child's end.

    Only one thread at a time may call waitpid(), under _waitpid_lock; whoever gets the lock looks at
    returncode again.  Otherwise a second waitpid() could reap a later child with the same pid.
    """

    returncode: "int | None"
    _sigint_wait_secs: float  # what is left of the moment that Ctrl-C grants the child

    def wait(self, timeout=None):
        """Wait for the child to end; returns returncode.

        timeout: seconds, any real number; None for as long as it takes.  Raises TimeoutExpired after it, and
        ValueError if it is NaN.  Blocks, without the GIL; costs no CPU meanwhile.  Ctrl-C interrupts it, but
        the child gets a quarter of a second to end first, once.
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
        """After Ctrl-C, which the child most likely has got too: let it end, once, and for a moment only."""
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
            if ended:  # and yet not to be reaped: a debugger is before us, or another thread is at it
                sleep(min(remaining, 0.001))
                continue
            ended = sleep_until_end(self, remaining)
            if not ended and remaining < LONGEST_SLEEP and not reap_unless_busy(self):
                raise TimeoutExpired(self.args, timeout)  # whatever a replaced clock says
        return self.returncode

    def _try_wait(self, wait_flags):
        """waitpid() for the child: (pid, status).  The caller holds _waitpid_lock."""
        try:
            return os.waitpid(self.pid, wait_flags)
        except ChildProcessError:
            # SIGCHLD is ignored, or something else has waited for it: nobody knows how it ended
            return self.pid, 0

    def _handle_exitstatus(self, sts):
        """Set returncode.  The caller holds _waitpid_lock."""
        if os.WIFSTOPPED(sts):
            self.returncode = -os.WSTOPSIG(sts)
        else:
            self.returncode = os.waitstatus_to_exitcode(sts)

    def _internal_poll(self, _deadstate=None, _poll=poll_child):
        """poll(), without blocking; _deadstate: the returncode of a child that is none of ours.

        __del__() calls it, when at the end of the program the names of this module may be None already.
        """
        return _poll(self, _deadstate)

    def _wait_pidfd(self, timeout):
        """Sleep until the child has ended, by a pidfd; whether it has.  None where that can't be had.

        For programs that have a pidfd_open() of their own."""
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
    """Wait until any of some Popen objects has ended; returns a list of those that have, in their order.

    procs: an iterable of Popen objects.  Those in the list have their returncode set: they are reaped, by
        their poll().  Without any procs the list is empty at once.
    timeout: seconds, any real number; None for as long as it takes; 0 or less does not sleep.  After it the
        list is empty.

    Blocks, without the GIL, and costs no CPU meanwhile, however many children there are. It uses a
    descriptor for each while it waits (on Linux); when there are not so many, a thread for each, which
    is slower to set up: raise RLIMIT_NOFILE then. Signal handlers run; what they raise ends the call.
    May be called from any thread. ValueError if the timeout is NaN; OSError if there are no threads left
    either.
    """
    return _child_end.wait_any(procs, timeout)


def deadline_after(timeout):
    """A time of the monotonic clock; None for no timeout."""
    if timeout is None:
        return None
    if isnan(timeout):
        raise ValueError("timeout must be a number of seconds, not NaN")
    return _public._time() + float(timeout)


set_standard_parts(Waits._try_wait, Waits._handle_exitstatus, Waits._internal_poll, Waits._wait_pidfd)
