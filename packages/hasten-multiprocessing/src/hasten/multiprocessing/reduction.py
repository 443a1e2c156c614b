"""Pickling for other processes: the standard library's `multiprocessing.reduction`.

ForkingPickler and its reducers are the interpreter's own, so it does not matter in which module a program
registers one.  Descriptors are sent over a socket (sendfds) or inherited by a child being started (DupFd).
"""

import array
import os
import socket
import sys
from importlib import import_module
from multiprocessing import context
from multiprocessing import reduction as _stdlib

from hasten.multiprocessing import _registries
from hasten.multiprocessing._transport import _pickler

__all__ = ["DupFd", "ForkingPickler", "dump", "recv_handle", "recvfds", "register", "send_handle", "sendfds"]

HAVE_SEND_HANDLE = _stdlib.HAVE_SEND_HANDLE
ACKNOWLEDGE = getattr(
    _stdlib, "ACKNOWLEDGE", True
)  # whether descriptors are confirmed: by both ends, or neither

ForkingPickler = _stdlib.ForkingPickler
register = _stdlib.register

# Functions that pickles name: the interpreter's own, so that any interpreter finds them.
_C = _stdlib._C
_reduce_method = _stdlib._reduce_method
_reduce_method_descriptor = _stdlib._reduce_method_descriptor
_reduce_partial = _stdlib._reduce_partial
_rebuild_partial = _stdlib._rebuild_partial
_rebuild_socket = _stdlib._rebuild_socket
__getattr__ = _registries.rest_of(__name__, _stdlib)


def dump(obj, file, protocol=None):
    """Pickle an object into a binary file, with ForkingPickler."""
    ForkingPickler(file, protocol).dump(obj)


# ---- descriptors ----


def sendfds(sock, fds):
    """Send descriptors over a socket of AF_UNIX; the other end gets duplicates of them from recvfds().

    fds: integers.  Blocks until they are sent, and since Python 3.14 until the other end has them.  OSError
    if the socket is not of that kind or the other end is gone; RuntimeError if it does not confirm.
    """
    numbers = array.array("i", fds)
    sock.sendmsg([bytes([len(numbers) % 256])], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
    if ACKNOWLEDGE and sock.recv(1) != b"A":
        raise RuntimeError("did not receive acknowledgement of fd")


def recvfds(sock, size):
    """Receive the *size* descriptors that the other end sends by sendfds(); a list of integers.

    They are close-on-exec.  Blocks until they arrive.  EOFError if the other end is gone; RuntimeError if
    other data arrives, or if this process has too few free descriptors.
    """
    numbers = array.array("i")
    space = socket.CMSG_SPACE(numbers.itemsize * size)
    count, parts, flags, _ = sock.recvmsg(1, space, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
    if not count and not parts:
        raise EOFError
    try:
        for level, kind, data in parts:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
        if ACKNOWLEDGE:
            sock.send(b"A")
        if len(parts) != 1:
            hint = "; this process may have too many open files" if flags & socket.MSG_CTRUNC else ""
            raise RuntimeError(f"received {len(parts)} items of ancdata{hint}")
        if not numbers or len(numbers) % 256 != count[0] or flags & socket.MSG_CTRUNC:
            raise RuntimeError(f"Invalid data received: {len(numbers)} descriptors of {count[0]}")
    except BaseException:
        for number in numbers:
            os.close(number)
        raise
    return list(numbers)


def send_handle(conn, handle, destination_pid):
    """Send a descriptor over a connection that is a socket of AF_UNIX.  *destination_pid* is not used."""
    with socket.fromfd(conn.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sendfds(sock, [handle])


def recv_handle(conn):
    """Receive the descriptor that the other end sends by send_handle(), an int."""
    with socket.fromfd(conn.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        return recvfds(sock, 1)[0]


def DupFd(fd):
    """A picklable object whose detach(), in the process that unpickles it, gives a duplicate of a descriptor.

    While a child is being started, the child inherits the descriptor; otherwise detach() fetches it over a
    socket, once.  ValueError if sockets can't pass descriptors.
    """
    popen = context.get_spawning_popen()
    if popen is not None:
        return popen.DupFd(popen.duplicate_for_child(fd))
    if not HAVE_SEND_HANDLE:
        raise ValueError("SCM_RIGHTS appears not to be available")
    from hasten.multiprocessing import resource_sharer

    return resource_sharer.DupFd(fd)


def _reduce_socket(sock):
    kind = sock.family, sock.type, sock.proto
    return _rebuild_socket, (DupFd(sock.fileno()), *kind)


if ForkingPickler._extra_reducers.get(socket.socket) is _stdlib._reduce_socket:
    register(socket.socket, _reduce_socket)


_OFFERED = {name for name in globals() if not name.startswith("__")}


class AbstractReducer(_stdlib.AbstractReducer):
    """A base class for a context's `reducer`; it has the names of this module as attributes."""

    vars().update((name, globals()[name]) for name in vars(_stdlib.AbstractReducer) if name in _OFFERED)

    def __init__(self, *args):
        """The reducers of this module are registered when it is imported."""


def for_child_of_ours():
    """Whether this thread is pickling for a child that has this package."""
    popen = context.get_spawning_popen()
    if popen is None or getattr(popen, "child_may_lack_hasten", False):
        return False
    cls = type(popen)  # while the launcher replaces the package, its name is the standard library's
    ours = sys.modules.get(f"hasten.multiprocessing.{cls.__module__.rpartition('.')[2]}")
    return cls.__module__.startswith("hasten.") or getattr(ours, cls.__name__, None) is cls


def named_as_in_stdlib(module, name):
    """The object that every interpreter finds under this name: the standard library's, or, under the
    launcher, ours."""
    return getattr(import_module(f"multiprocessing.{module}"), name)


_pickler.follow(sys.modules[__name__])
