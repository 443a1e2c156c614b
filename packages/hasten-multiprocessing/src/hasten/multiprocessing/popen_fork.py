"""The standard library's `multiprocessing.popen_fork`: children by fork(), and what all children have."""

from __future__ import annotations

import multiprocessing.popen_fork as _stdlib
import os
import signal

from hasten.multiprocessing import _registries, util
from hasten.multiprocessing._start import _sentinel
from hasten.multiprocessing._start._forked import _around, _child

__all__ = ["Popen"]

_LAUNCH = _registries.as_it_was(_stdlib.Popen._launch, _stdlib)
_PIDFDS = _sentinel.has_pidfds()
__getattr__ = _registries.rest_of(__name__, _stdlib)


class Popen(_stdlib.Popen):
    """A running child.  `pid`, `returncode` (None until it is known), and `sentinel`, a descriptor."""

    method = "fork"
    _starter = None  # the process whose child it is; in another one nobody knows how it goes

    def __init__(self, process_obj):
        self.returncode = self.finalizer = None
        util._flush_std_streams()  # else both would write what is in the buffers
        self._launch(process_obj)

    def duplicate_for_child(self, fd):
        """The number by which the child will know the descriptor *fd*."""
        return fd

    def poll(self, flag=os.WNOHANG):
        """The exit code, or None while the child runs.  flag: 0 to block until its end."""
        if self.returncode is not None:
            return self.returncode
        if flag != os.WNOHANG:
            return self.wait()
        return _sentinel.poll(self)

    def wait(self, timeout=None):
        """The exit code; None if the child still runs after *timeout* seconds.  Blocks, without the GIL."""
        if self.returncode is not None:
            return self.returncode
        if self._starter != os.getpid():
            return None
        if not _sentinel.wait_for_end(self.pid, timeout):
            return None
        return _sentinel.poll(self)

    def interrupt(self):
        self._send_signal(signal.SIGINT)

    def close(self):
        """Close the descriptors."""
        finalizer = self.finalizer
        if finalizer is not None:
            finalizer()

    def new_sentinel(self):
        """A descriptor once more, for a child that has ended, after close()."""
        self.sentinel = _sentinel.ended_sentinel()
        self.finalizer = util.Finalize(self, util.close_fds, (self.sentinel,))
        return self.sentinel

    def kill(self):
        self._send_signal(signal.SIGKILL)

    def terminate(self):
        self._send_signal(signal.SIGTERM)

    def _send_signal(self, sig):
        if self.poll() is not None:
            return
        try:
            os.kill(self.pid, sig)
        except OSError as error:
            ended = isinstance(error, ProcessLookupError) or self.wait(0.1) is not None
            if not ended:
                raise

    def _launch(self, process_obj):
        self._starter = os.getpid()
        if _stdlib.Popen._launch is not _LAUNCH:
            _stdlib.Popen._launch(self, process_obj)
            return
        pipes = None if _PIDFDS else _two_pipes()
        standing_alone = _around.only_thread()
        try:
            with _around.keeping_tracker():
                self.pid = os.fork()  # here: managers know by this function's name that a process is started
            if self.pid == 0:
                _child.be(process_obj, standing_alone, pipes)
        except BaseException:
            if self._starter != os.getpid():
                _child.leave(1)  # the child, before be(): a signal handler has raised
            util.close_fds(*pipes or ())
            raise
        if pipes is None:
            self._watch()
        else:
            sentinel, childs, childs_sentinel, ours = pipes
            util.close_fds(childs, childs_sentinel)
            self._watch(ours, sentinel=sentinel)

    def _watch(self, *fds, sentinel=None):
        """Have a sentinel, and keep *fds* as long.  A child that cannot have one is ended."""
        try:
            self.sentinel = _sentinel.sentinel_of(self.pid) if sentinel is None else sentinel
            self.finalizer = util.Finalize(self, util.close_fds, (self.sentinel, *fds))
        except BaseException:
            self.kill()
            self.wait()
            raise


def _two_pipes():
    """Without pidfds: an end of each is readable when the process that has the other one has ended.

    The parent's sentinel, what the child keeps for it, the child's sentinel, and what the parent keeps.
    """
    fds = os.pipe()
    try:
        return (*fds, *os.pipe())
    except BaseException:
        util.close_fds(*fds)
        raise
