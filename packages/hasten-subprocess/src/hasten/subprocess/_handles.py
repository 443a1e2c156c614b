"""The descriptors at either end of a child's stdin, stdout and stderr."""

import os
import subprocess as _stdlib
import sys
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
    """The ends of three streams.

    child: what becomes stdin, stdout and stderr in the child, -1 where it inherits the parent's.
    parent: the other ends of pipes, -1 where there is none.
    owned: the descriptors among the child's that have been opened here, and are closed after the start.
    """

    __slots__ = ("child", "devnull", "owned", "parent", "pipesize")

    def __init__(self, pipesize):
        self.pipesize = pipesize
        self.child, self.parent, self.owned = [-1, -1, -1], [-1, -1, -1], []
        self.devnull = -1

    def open(self, streams):
        """Open what the three arguments of Popen ask for.  After an exception nothing is left open."""
        try:
            for place, stream in enumerate(streams):
                if stream is not None:
                    self.child[place] = self.open_one(place, stream)
        except BaseException:
            self.close_owned()
            for end in self.parent:
                if end != -1:
                    os.close(end)
            raise

    def open_one(self, place, stream):
        if stream == PIPE:
            return self.open_pipe(place)
        if stream == DEVNULL:
            return self.open_devnull()
        if stream == STDOUT and place == 2:
            standard_output: Any = sys.__stdout__  # None, and an AttributeError, without one
            return self.child[1] if self.child[1] != -1 else standard_output.fileno()
        return stream if isinstance(stream, int) else stream.fileno()

    def open_pipe(self, place):
        read_end, write_end = os.pipe()
        child, parent = (write_end, read_end) if place else (read_end, write_end)
        self.owned.append(child)
        self.parent[place] = parent
        if self.pipesize > 0 and SET_PIPE_SIZE is not None:
            fcntl.fcntl(write_end, SET_PIPE_SIZE, self.pipesize)
        return child

    def open_devnull(self):
        if self.devnull == -1:
            self.devnull = os.open(os.devnull, os.O_RDWR)
            self.owned.append(self.devnull)
        return self.devnull

    def close_owned(self):
        """Close the child's ends, each once, however often this is called."""
        while self.owned:
            os.close(self.owned.pop())
