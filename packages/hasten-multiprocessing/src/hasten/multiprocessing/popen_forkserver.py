"""The standard library's `multiprocessing.popen_forkserver`: a child that a server without threads forks."""

from __future__ import annotations

import io
import multiprocessing.popen_forkserver as _stdlib
import os
import sys
import threading

from hasten.multiprocessing import _registries, forkserver, popen_fork, spawn, util
from hasten.multiprocessing._start import _command, _preload, _requests
from hasten.multiprocessing._start._inherited import Sent
from hasten.multiprocessing._transport._addresses import shorten_temp_dir
from hasten.multiprocessing.context import set_spawning_popen
from hasten.multiprocessing.popen_fork import _PIDFDS

__all__ = ["Popen"]

_DupFd = Sent
_LAUNCH = _registries.as_it_was(_stdlib.Popen._launch, _stdlib)
__getattr__ = _registries.rest_of(__name__, _stdlib)
_ZYGOTE = "t" not in sys.abiflags  # without a GIL (3.13) children of a zygote hang: the server forks each
_UNKNOWN = 255  # the exit code of a child whose server has been killed


class Popen(popen_fork.Popen, _stdlib.Popen):
    """A running child that a server has forked, and which is no child of this process."""

    method = "forkserver"
    DupFd = Sent  # type: ignore[assignment]  # a stub names the standard library's class

    def __init__(self, process_obj):
        self._fds = []
        self._reading = threading.Lock()  # held while the exit code is read from the pipe
        popen_fork.Popen.__init__(self, process_obj)

    def duplicate_for_child(self, fd):
        """Send the descriptor *fd* to the child; returns its place in the row."""
        self._fds.append(fd)
        return len(self._fds) - 1

    def poll(self, flag=os.WNOHANG):
        """The exit code, or None while the child runs.  flag: 0 to block until its end."""
        return self.wait(0 if flag == os.WNOHANG else None)

    def wait(self, timeout=None):
        """The exit code; None if the child still runs after *timeout* seconds.  Blocks, without the GIL."""
        from hasten.multiprocessing.connection import wait

        if self.returncode is not None:
            return self.returncode
        if self._starter != os.getpid() or not wait([self.sentinel], timeout):
            return None
        with self._reading:
            if self.returncode is None:
                self.returncode = _exit_code(self.sentinel)
        return self.returncode

    def _launch(self, process_obj):
        self._starter = os.getpid()
        if forkserver._forkserver._forkserver_address is None:
            shorten_temp_dir()
        try:
            if self._is_standard() and self._launch_by_zygote(process_obj):
                return
            if _stdlib.Popen._launch is _LAUNCH and _command.is_foreign():
                self._launch_plain(process_obj)
            else:
                _registries.with_our_names(lambda: self._launch_by_server(process_obj))
        except (EOFError, OSError) as error:
            _preload.explain(error, forkserver._forkserver._preload_modules)
            raise

    @staticmethod
    def _is_standard():
        return _PIDFDS and _ZYGOTE and _stdlib.Popen._launch is _LAUNCH and _command.is_standard()

    def _launch_by_server(self, process_obj):
        """The standard library's way, which pickles before it does anything else."""
        self._fds = []
        _stdlib.Popen._launch(self, process_obj)

    def _launch_plain(self, process_obj):
        """Have the server fork a child that may lack hasten: by the standard library's pickles."""
        from hasten.multiprocessing import _plain

        self.DupFd = _stdlib.Popen.DupFd  # type: ignore[misc, assignment]
        self.child_may_lack_hasten = True
        content = self._pickled(_plain.dump, process_obj)
        self.sentinel, writer = forkserver.connect_to_new_process(self._fds)
        with open(writer, "wb") as file:
            alive = os.dup(writer)  # until this process ends: by it the child knows
            self.finalizer = util.Finalize(self, util.close_fds, (alive, self.sentinel))
            file.write(content)
        self.pid = forkserver.read_signed(self.sentinel)

    def _launch_by_zygote(self, process_obj):
        """Have the child forked by the zygote; False if there is none."""
        content = self._pickled(_registries.context.reduction.dump, process_obj)
        if len(self._fds) > _requests.MAX_DESCRIPTORS:
            raise ValueError(f"too many fds: {len(self._fds)}, at most {_requests.MAX_DESCRIPTORS}")
        reader, writer = os.pipe()
        try:
            with _command.file_with(content) as blob:
                self.pid = _requests.start_child([blob, writer, *self._fds], _own_module(process_obj))
        except _requests.Gone:
            os.close(reader)
            return False
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        self.sentinel = reader
        self.finalizer = util.Finalize(self, util.close_fds, (reader,))
        return True

    def _pickled(self, dump, process_obj):
        """What the child is given, as *dump* writes it; the descriptors in it are in `_fds`."""

        def written():  # anew where it is done again
            self._fds = []
            buffer = io.BytesIO()
            dump(preparation, buffer)
            dump(process_obj, buffer)
            return buffer.getbuffer()

        preparation = spawn.get_preparation_data(process_obj._name)
        set_spawning_popen(self)
        try:
            return _registries.with_our_names(written)
        finally:
            set_spawning_popen(None)


def _own_module(process_obj):
    """The module of hasten that the child is to run, or "": many children may share what is loaded once."""
    name = getattr(getattr(process_obj, "_target", None), "__module__", None)
    return name if isinstance(name, str) and name.startswith("hasten.") else ""


def _exit_code(fd):
    """What the server has written to the pipe *fd* at the end of the child."""
    try:
        answer = os.read(fd, _requests.ANSWER.size)
    except OSError:
        answer = b""
    return _requests.ANSWER.unpack(answer)[0] if len(answer) == _requests.ANSWER.size else _UNKNOWN
