"""The descriptors at either end of a child's stdin, stdout and stderr."""

import os
import subprocess as _stdlib
import sys

from hasten.subprocess._descriptors import Descriptors

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any

PIPE, STDOUT, DEVNULL = _stdlib.PIPE, _stdlib.STDOUT, _stdlib.DEVNULL

try:
    import fcntl

    SET_PIPE_SIZE = getattr(
        fcntl, "F_SETPIPE_SZ", 1031 if sys.platform == "linux" else None
    )  # named since 3.10
except ImportError:
    SET_PIPE_SIZE = None


class Handles:
    """The part of Popen that opens the descriptors of stdin, stdout and stderr.

    _descriptors owns all that was opened here, until the parent's ends belong to file objects and the child's
    ends are closed.  It is None if a subclass overrides _get_handles(); then the descriptors to close are
    found by the standard library's rule: child's ends that have a parent's end, and _devnull.
    """

    pipesize: int
    _descriptors: object = None  # a Descriptors
    _closed_child_pipe_fds = False

    def _get_handles(self, stdin, stdout, stderr):
        """Open the pipes.  Returns the child's and the parent's end of stdin, the parent's and the child's
        end of stdout, and of stderr; -1 for a missing one."""
        self._descriptors = Descriptors()
        p2cread, p2cwrite = self._ends_of(0, stdin, -1)
        c2pwrite, c2pread = self._ends_of(1, stdout, -1)
        errwrite, errread = self._ends_of(2, stderr, c2pwrite)
        return p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite

    def _ends_of(self, place, stream, stdout_end):
        """The child's and the parent's end of one stream."""
        if stream is None:
            return -1, -1
        if stream == PIPE:
            return self._open_pipe(place)
        if stream == DEVNULL:
            return self._get_devnull(), -1
        if stream == STDOUT and place == 2:
            standard_output: Any = sys.__stdout__  # None without a stdout: AttributeError
            return stdout_end if stdout_end != -1 else standard_output.fileno(), -1
        return stream if isinstance(stream, int) else stream.fileno(), -1

    def _give_up_descriptors(self):
        if self._descriptors is not None:
            self._descriptors.give_up_all()
            self._descriptors = None

    def _open_pipe(self, place):
        reader, writer = self._descriptors.pipe()
        if self.pipesize > 0 and SET_PIPE_SIZE is not None:
            fcntl.fcntl(writer, SET_PIPE_SIZE, self.pipesize)
        return (writer, reader) if place else (reader, writer)

    def _get_devnull(self):
        """A descriptor of /dev/null; opened once per instance."""
        if "_devnull" not in vars(self):
            if self._descriptors is None:
                self._descriptors = Descriptors()
            self._devnull = self._descriptors.open(os.devnull, os.O_RDWR)
        return self._devnull

    def _close_pipe_fds(self, p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite):
        """Close the child's ends of the pipes, and /dev/null."""
        self._closed_child_pipe_fds = True  # first: after an interrupt, _descriptors closes the rest
        devnull = vars(self).get("_devnull", -1)
        for child, parent in ((p2cread, p2cwrite), (c2pwrite, c2pread), (errwrite, errread)):
            if parent != -1 and child not in (-1, devnull):
                self._close_end(child)
        if devnull != -1:
            self._close_end(devnull)

    def _close_end(self, fd):
        if self._descriptors is not None and fd in self._descriptors:  # type: ignore[operator]
            self._descriptors.close(fd)
        else:
            os.close(fd)
