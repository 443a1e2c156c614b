"""The standard library's `multiprocessing.popen_spawn_posix`: a child that is a new interpreter."""

from __future__ import annotations

import multiprocessing.popen_spawn_posix as _stdlib
import os

from hasten.multiprocessing import _registries, popen_fork, resource_tracker, spawn, util
from hasten.multiprocessing._start import _blob, _command
from hasten.multiprocessing._start._inherited import Inherited
from hasten.multiprocessing.context import set_spawning_popen
from hasten.multiprocessing.popen_fork import _PIDFDS
from hasten.multiprocessing.process import _ORIGINALS

__all__ = ["Popen"]

_DupFd = Inherited
_LAUNCH = _registries.as_it_was(_stdlib.Popen._launch, _stdlib)
__getattr__ = _registries.rest_of(__name__, _stdlib)


class Popen(popen_fork.Popen, _stdlib.Popen):
    """A running child that was spawned."""

    method = "spawn"
    DupFd = Inherited  # type: ignore[assignment]  # a stub names the standard library's class

    def __init__(self, process_obj):
        self._fds = []
        popen_fork.Popen.__init__(self, process_obj)

    def duplicate_for_child(self, fd):
        """Pass the descriptor *fd* to the child, under the same number."""
        self._fds.append(fd)
        return fd

    def _launch(self, process_obj):
        self._starter = os.getpid()
        if self._is_standard(process_obj) and self._launch_by_blob(process_obj):
            return
        if _stdlib.Popen._launch is _LAUNCH and _command.is_foreign():
            self._launch_plain(process_obj)
        else:
            _stdlib.Popen._launch(self, process_obj)

    @staticmethod
    def _is_standard(process_obj):
        """Whether the program has replaced nothing that the standard library would call for this start."""
        return (
            _PIDFDS
            and _stdlib.Popen._launch is _LAUNCH
            and type(process_obj)._bootstrap is _ORIGINALS[0]
            and not _registries.is_bootstrap_replaced()
            and _command.is_standard()
        )

    def _launch_by_blob(self, process_obj):
        """Start the child by a blob; False, without an effect, if a blob cannot be made."""
        tracker_fd = resource_tracker.getfd()
        preparation = spawn.get_preparation_data(process_obj._name)
        set_spawning_popen(self)
        try:
            blob = _registries.with_our_names(lambda: _blob.pack(preparation, process_obj, tracker_fd))
        finally:
            set_spawning_popen(None)
        if blob is None:
            return False
        with _command.file_with(_command.bootstrap(), blob) as fd:
            words = _command.line(fd)
            self.pid = util.spawnv_passfds(words[0], words, {*self._fds, fd, tracker_fd})
        self._watch()
        return True

    def _launch_plain(self, process_obj):
        """Start a child that may lack hasten, by the standard library's command line and pickles."""
        from hasten.multiprocessing import _plain

        self.DupFd = _stdlib.Popen.DupFd  # type: ignore[misc, assignment]
        self.child_may_lack_hasten = True
        tracker_fd = resource_tracker.getfd()
        preparation = spawn.get_preparation_data(process_obj._name)
        set_spawning_popen(self)
        try:
            content = _registries.with_our_names(lambda: _plain.pickled(preparation, process_obj))
        finally:
            set_spawning_popen(None)
        reader, writer = os.pipe()
        try:
            words = spawn.get_command_line(tracker_fd=tracker_fd, pipe_handle=reader)
            self.pid = util.spawnv_passfds(spawn.get_executable(), words, {*self._fds, reader, tracker_fd})
            self._watch(writer)
            with open(writer, "wb", closefd=False) as file:
                file.write(content)
        except BaseException:
            if self.finalizer is None:
                os.close(writer)
            raise
        finally:
            os.close(reader)
