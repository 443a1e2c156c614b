"""The process that forks a parent's children, with the main module and what was preloaded in it.

The fork server has forked it as it forks any child, and so it is what a child would be.  It has no threads.
For each request it forks once and answers with the number; when the child has ended it writes the exit code
to the pipe that came with the request.  When the parent has closed the connection, or is gone, or when the
fork server has ended, it ends after the last of its children.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import os
import pickle
import select
import signal
import socket
import sys

from hasten.multiprocessing import _registries, forkserver, resource_tracker, spawn, util
from hasten.multiprocessing._start import _inherited as _inherited  # what descriptors for a child name
from hasten.multiprocessing._start import _requests, _sentinel
from hasten.multiprocessing._start._forked import _around, _child


def serve(server_pid):
    """Answer requests until the parent ends the connection, or the fork server *server_pid* has ended."""
    (fd,) = forkserver.get_inherited_fds()  # type: ignore[misc]  # None only where there is no server
    _give_up_what_children_bring()
    server = _Server(socket.socket(fileno=fd), server_pid)
    gc.collect()
    gc.freeze()  # what is there now is shared with the children, as long as nobody counts references in it
    server.run()


def _give_up_what_children_bring():
    """A child's preparation sets these again, and the fork server does not wait for us to end."""
    server = forkserver._forkserver
    if server._forkserver_alive_fd is not None:
        os.close(server._forkserver_alive_fd)
        server._forkserver_alive_fd = None
    if util._log_to_stderr:
        util._logger.handlers.clear()
        util._log_to_stderr = False


class _Server:
    """The children that run, and the loop."""

    def __init__(self, connection, server_pid):
        self.connection = connection
        # Whoever stops the fork server waits next for the resource tracker, whose pipe we hold open.
        self.server = _sentinel.sentinel_of_parent(server_pid)
        self.parent = _sentinel.sentinel_of(_registries.process._parent_process.pid)
        self.running = {}  # pidfd -> (pid, the pipe for its exit code)
        self.poll = select.poll()
        self.poll.register(connection, select.POLLIN)
        self.poll.register(self.server, select.POLLIN)
        self.interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to deal with

    def run(self):
        while self.connection is not None or self.running:
            for fd, _ in self.poll.poll():
                if fd in self.running:
                    self.reap(fd)
                elif self.connection is not None and (fd == self.server or not self.answer()):
                    self.hang_up()

    def hang_up(self):
        """Take no more requests."""
        self.poll.unregister(self.connection)
        self.poll.unregister(self.server)
        self.connection.close()
        os.close(self.server)
        self.connection = None

    def answer(self) -> bool:
        """Fork a child for the request that has come; False if there is none to come."""
        try:
            module, fds = _received(self.connection)
        except OSError:
            return False
        if fds is None:
            return False
        blob, status, *others = fds
        _load(module)
        try:
            with _around.keeping_tracker():
                pid = os.fork()
        except OSError as error:
            pid = -(error.errno or 11)
        if pid == 0:
            self.be_child(blob, status, others)
        watch = os.pidfd_open(pid) if pid > 0 else -1
        for fd in (blob, *others):
            os.close(fd)
        if watch < 0:
            os.close(status)
        else:
            self.running[watch] = pid, status
            self.poll.register(watch, select.POLLIN)
        try:
            self.connection.sendall(_requests.ANSWER.pack(pid))
        except OSError:
            return False
        return True

    def reap(self, watch):
        """Tell the exit code of a child that has ended."""
        pid, status = self.running.pop(watch)
        self.poll.unregister(watch)
        os.close(watch)
        _, ended = os.waitpid(pid, 0)
        code = -os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else os.WEXITSTATUS(ended)
        try:
            os.write(status, _requests.ANSWER.pack(code))
        except OSError:
            pass  # nobody wants to know
        os.close(status)

    def be_child(self, blob, status, others):
        """In the child: be what the blob says, and end."""
        code = 1
        try:
            signal.signal(signal.SIGINT, self.interrupt)
            self.connection.close()
            os.close(self.server)
            os.close(status)
            for watch, (_, pipe) in self.running.items():
                os.close(watch)
                os.close(pipe)
            _child.exit_by_atexit()
            code = _run(blob, others, self.parent)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            util._flush_std_streams()
        finally:
            _child.leave(code)


def _load(module):
    """Have a module before the fork.  What goes wrong does so in the child again, and is told there."""
    if module and module not in sys.modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
        gc.freeze()


def _received(connection):
    """The module and the descriptors of a request; None for these at the end of the connection."""
    size = _requests.MAX_DESCRIPTORS + 3
    fds = array.array("i")
    space = socket.CMSG_SPACE(size * fds.itemsize)
    data, ancillary, _, _ = connection.recvmsg(_requests.MAX_REQUEST, space, socket.MSG_CMSG_CLOEXEC)
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    return data[1:].decode(), list(fds) if data and len(fds) >= 3 else None


def _run(blob, others, parent_sentinel) -> int:
    """Prepare this process and run the process object that lie, pickled, in the file *blob*."""
    tracker_fd, *forkserver._forkserver._inherited_fds = others
    resource_tracker._resource_tracker._fd = tracker_fd
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()  # else all children draw the same numbers
    os.lseek(blob, 0, os.SEEK_SET)
    with open(blob, "rb") as file:
        current = _registries.process._current_process
        current._inheriting = True
        try:
            spawn.prepare(pickle.load(file))
            process = pickle.load(file)
        finally:
            del current._inheriting
    return process._bootstrap(parent_sentinel)
