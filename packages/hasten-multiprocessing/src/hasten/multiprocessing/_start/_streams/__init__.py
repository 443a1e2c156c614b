"""The standard streams in a forked child.

A thread of the parent may have been in the middle of a write at the time of the fork.  In the child it is not
there to give the stream's lock back, and the lock is out of reach.  So each stream gets a new buffer over the
same file.  The old one is kept for ever: its end would write what it holds, which is the parent's to write.

Without a GIL the thread may also have held the locks that the stream and its file have as objects.
"""

from __future__ import annotations

import io
import sys

from hasten.multiprocessing._start._streams._object_lock import unlock

_kept: list = []


def renew() -> None:
    """Give sys.stdout and sys.stderr, and what logging writes to, new buffers."""
    streams = [sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__]
    logging = sys.modules.get("logging")
    if logging is not None:
        streams += [getattr(reference(), "stream", None) for reference in logging._handlerList]
    for stream in {id(stream): stream for stream in streams}.values():
        if type(stream) is io.TextIOWrapper:
            _renew(stream)


def _renew(stream):
    unlock(stream)
    try:
        buffer = stream.buffer
        if type(buffer) is not io.BufferedWriter:
            return
        unlock(buffer, buffer.raw)
        _kept.append(buffer)
        stream.__init__(
            io.BufferedWriter(buffer.raw),
            stream.encoding,
            stream.errors,
            "\n",
            stream.line_buffering,
            stream.write_through,
        )
    except (AttributeError, ValueError):
        pass  # closed or detached: nobody waits for it
