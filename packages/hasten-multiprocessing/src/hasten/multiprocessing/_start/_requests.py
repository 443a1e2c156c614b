"""How a process asks its zygote for children: the parent's side of _zygote.py.

One connection, for as long as both live: a pair of sockets of which the zygote was given one end when the
fork server forked it, so nobody else can ask.  A request is a "+", perhaps with the name of a module of
hasten that children will need, and the child's descriptors; the answer is the child's number.  Whatever goes
wrong in between ends the connection, and the next start begins anew.
"""

from __future__ import annotations

import array
import os
import socket
import struct
import threading

from hasten.multiprocessing import _registries, forkserver, resource_tracker, util
from hasten.multiprocessing._start import _blob

ANSWER = struct.Struct("q")  # a process ID, and later the exit code
MAX_DESCRIPTORS = 250  # the kernel takes 253 at once
MAX_REQUEST = 256  # bytes
LAST = -100  # of the finalizers at exit: children have been joined


class Gone(Exception):
    """There is no zygote that would answer."""


class Zygote:
    """A process that forks children for this one."""

    def __init__(self):
        server = forkserver._forkserver
        self.server = _identity(server)
        ours, theirs = socket.socketpair()
        try:
            _start(theirs.fileno(), server._forkserver_pid)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.socket = ours
        self._at_exit = util.Finalize(None, ours.close, exitpriority=LAST)

    def child(self, fds, module="") -> int:
        """Have a child forked that gets the descriptors *fds*; returns its number.  Gone if that fails.

        module: what the zygote is to import before.
        """
        try:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
            self.socket.sendmsg([b"+" + module.encode()[: MAX_REQUEST - 1]], [rights])
            answer = b""
            while len(answer) < ANSWER.size:
                piece = self.socket.recv(ANSWER.size - len(answer))
                if not piece:
                    raise Gone
                answer += piece
        except OSError as error:
            raise Gone from error
        (pid,) = ANSWER.unpack(answer)
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        return pid

    def close(self):
        """Let it end, when its children have."""
        self._at_exit.cancel()
        self.socket.close()


_lock = threading.Lock()
_zygote: Zygote | None = None


def start_child(fds, module="") -> int:
    """Fork a child that gets *fds*; returns its process ID.  Blocks until it is forked.  Gone if nobody can.

    module: the name of a module of hasten that the child will need.  May be called from any thread.
    """
    global _zygote
    with _lock:
        forkserver.ensure_running()
        zygote = _zygote
        if zygote is None or zygote.server != _identity(forkserver._forkserver):
            drop()
            zygote = _zygote = Zygote()
        try:
            return zygote.child([*fds[:2], resource_tracker.getfd(), *fds[2:]], module)
        except BaseException:
            drop()
            raise


def _identity(server):
    """What another server differs in; and another key is to be refused by the server (3.14)."""
    return server._forkserver_pid, getattr(server, "_forkserver_authkey", None)


def held() -> set:
    """The descriptors that this process keeps for starting children."""
    return set() if _zygote is None else {_zygote.socket.fileno()}


def drop():
    """Let the zygote end, when its children have."""
    global _zygote
    zygote, _zygote = _zygote, None
    if zygote is not None:
        zygote.close()


def _start(fd, server_pid):
    """Have the fork server, *server_pid*, fork a zygote that answers at the socket *fd*."""
    from hasten.multiprocessing._start import _zygote as zygote
    from hasten.multiprocessing.context import ForkServerProcess
    from hasten.multiprocessing.popen_forkserver import _stdlib

    current = _registries.process._current_process
    process = ForkServerProcess.__new__(ForkServerProcess)  # without a number: the program does not count it
    vars(process).update(
        _identity=current._identity,
        # without what takes descriptors along: a child of the zygote is given that with its own request
        _config={k: v for k, v in current._config.items() if k == "authkey" or _blob.is_matter(v)},
        _parent_pid=os.getpid(),
        _parent_name=current.name,
        _popen=None,
        _closed=False,
        _target=zygote.serve,
        _args=(server_pid,),
        _kwargs={},
        _name="Zygote",
    )
    popen = _stdlib.Popen.__new__(_stdlib.Popen)
    vars(popen).update(_fds=[fd], returncode=None, finalizer=None)
    popen._launch(process)
    popen.close()  # its end shows at the socket


def _forget():
    """In a forked child: the connection is the parent's."""
    global _lock
    _lock = threading.Lock()
    drop()


os.register_at_fork(after_in_child=_forget)
