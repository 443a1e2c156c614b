"""Popen: a child process, and its streams."""

import os
import signal
import subprocess as _stdlib
import sys
import threading
import types
import warnings

from hasten.subprocess import _arguments, _start, _streams
from hasten.subprocess._child_end import abandon
from hasten.subprocess._handles import STDOUT, Handles
from hasten.subprocess._shown import with_parts
from hasten.subprocess._waiting_calls import Waits

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any

_public = sys.modules[__package__]


@with_parts(Handles, _streams.Streams, Waits)
class Popen(_stdlib.Popen):
    """Popen(args, ...): a child process that runs a program.

    args: the program and its arguments, a sequence of str, bytes or paths; or one of these alone, a program
        without arguments.  With shell=True a command line for /bin/sh: never put untrusted input into it.
    bufsize: the buffer of the files stdin, stdout and stderr in bytes; -1 is io's default, 0 unbuffered, 1
        line-buffered text.
    executable: the program to run instead of args[0], which is still its argv[0].
    stdin, stdout, stderr: None (the parent's), PIPE, DEVNULL, a descriptor or a file; STDOUT for stderr only.
    preexec_fn: called in the child before the program runs.  It makes starts slow, and can deadlock if the
        parent has threads.
    close_fds: the child inherits only stdin, stdout, stderr, and the descriptors of pass_fds, a sequence.
    cwd: the child's working directory.  env: its environment, a mapping; None for the parent's.
    text, universal_newlines, encoding, errors: any of them makes the streams text streams.
    restore_signals: SIGPIPE and SIGXFSZ, which Python ignores, get their defaults.
    start_new_session, process_group: setsid() and setpgid() in the child.
    user, group, extra_groups: its user and groups, numbers or names.  umask: its umask, -1 for the parent's.
    pipesize: the capacity of pipes in bytes, where it can be set.
    startupinfo, creationflags: for Windows.

    Blocks until the child runs the program.  OSError if that can't be run; ValueError, TypeError or
    SubprocessError for invalid arguments.  Thread-safe, except communicate().
    """

    pid: int  # None until the child has been started
    _child_created = False

    def __class_getitem__(cls, item, /):
        return types.GenericAlias(cls, item)

    def __init__(self, args, bufsize=-1, executable=None,
                 stdin=None, stdout=None, stderr=None,
                 preexec_fn=None, close_fds=True,
                 shell=False, cwd=None, env=None, universal_newlines=None,
                 startupinfo=None, creationflags=0,
                 restore_signals=True, start_new_session=False,
                 pass_fds=(), *, user=None, group=None, extra_groups=None,
                 encoding=None, errors=None, text=None, umask=-1, pipesize=-1,
                 process_group=None):  # fmt: skip
        """Start the child; see the class for the arguments."""
        _public._cleanup()
        bufsize, pipesize = _whole("bufsize", bufsize), _whole("pipesize", pipesize)
        if stdout is STDOUT:
            raise ValueError("STDOUT can only be used for stderr")
        if startupinfo is not None:
            raise ValueError("startupinfo is only supported on Windows platforms")
        if creationflags != 0:
            raise ValueError("creationflags is only supported on Windows platforms")
        if pass_fds and not close_fds:
            warnings.warn("pass_fds overriding close_fds.", RuntimeWarning, _arguments.level_of_caller())
            close_fds = True
        if text is not None and universal_newlines is not None and bool(universal_newlines) != bool(text):
            raise _stdlib.SubprocessError(
                "Cannot disambiguate when both text and universal_newlines are supplied but different. "
                "Pass one or the other."
            )
        self.args = args
        self.pid = self.returncode = None  # type: ignore[assignment]
        self.pipesize = pipesize
        self.text_mode = encoding or errors or text or universal_newlines
        if self.text_mode and encoding is None:
            encoding = _arguments.text_encoding()
        self.encoding, self.errors = encoding, errors
        self._waitpid_lock = threading.Lock()
        self._sigint_wait_secs = 0.25
        self._communication_started = self._closed_child_pipe_fds = False
        self._input = None
        if group is not None or extra_groups is not None or user is not None:
            group, user = _arguments.group_id(group), _arguments.user_id(user)
            extra_groups = _arguments.group_ids(extra_groups)
        group_options = [-1 if process_group is None else process_group]
        if process_group is None and sys.version_info < (3, 11):
            group_options = []  # an overriding _execute_child() of those versions lacks the parameter
        ends = None
        try:
            ends = self._get_handles(stdin, stdout, stderr)
            self._make_streams(ends, bufsize)
            self._execute_child(args, executable, preexec_fn, close_fds, pass_fds, cwd, env,
                                startupinfo, creationflags, shell, *ends, restore_signals,
                                group, extra_groups, user, umask, start_new_session,
                                *group_options)  # type: ignore[call-arg]  # fmt: skip
            self._give_up_descriptors()  # descriptors that an overriding _execute_child() has taken over
        except BaseException:
            self._close_after_failure(ends)
            raise

    def _close_after_failure(self, ends):
        """Close all descriptors that were opened for a child that could not be started."""
        owner: Any = self._descriptors  # type: ignore[has-type]
        try:
            self._close_streams()
            if ends is not None and not self._closed_child_pipe_fds:
                self._close_pipe_fds(*ends)
            elif owner is not None and getattr(self._execute_child, "__func__", None) is not execute_child:
                for end in (ends[0], ends[3], ends[5]):
                    owner.give_up(end)  # closed by the override; its number may be reused
        finally:
            if owner is not None:
                owner.close_all()
                self._descriptors = None

    def _execute_child(self, args, executable, preexec_fn, close_fds,
                       pass_fds, cwd, env, startupinfo, creationflags, shell,
                       p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite,
                       restore_signals, gid, gids, uid, umask,
                       start_new_session, process_group=-1):  # fmt: skip
        """Start the child, and close its ends of the pipes."""
        args, executable = _start.command_of(args, executable, shell)
        sys.audit("subprocess.Popen", executable, args, cwd, env)
        _start.start(
            self,
            executable,
            env,
            preexec_fn,
            {
                "args": args,
                "close_fds": close_fds,
                "pass_fds": pass_fds and sorted({int(fd) for fd in pass_fds}),
                "cwd": cwd,
                "stdin": p2cread,
                "stdout": c2pwrite,
                "stderr": errwrite,
                "restore_signals": restore_signals,
                "start_new_session": start_new_session,
                "process_group": process_group,
                "gid": gid,
                "gids": gids,
                "uid": uid,
                "umask": umask,
            },
            (p2cwrite, c2pread, errread),
        )
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)

    def __repr__(self):
        text = f"<{type(self).__name__}: returncode: {self.returncode} args: {self.args!r}>"
        return text if len(text) <= 80 else text[:76] + "...>"

    @property
    def universal_newlines(self):
        """Another name for text_mode."""
        return self.text_mode

    @universal_newlines.setter
    def universal_newlines(self, value):
        self.text_mode = bool(value)

    def __enter__(self):
        return self

    def __exit__(self, exc_type, value, traceback):
        """Close the streams and wait for the child; after Ctrl-C for 0.25 seconds at most."""
        try:
            self._close_all()
        finally:
            if exc_type is KeyboardInterrupt:
                self._wait_politely(None)
            else:
                self.wait()

    __del__ = abandon

    def send_signal(self, sig):
        """Send a signal to the child, unless it is known to have ended.

        sig: its number.  Polls first, so that it is unlikely that the pid was reused.  Does not block.
        """
        self.poll()
        if self.returncode is not None:
            return
        try:
            os.kill(self.pid, sig)
        except ProcessLookupError:
            return  # it has ended, and other code has reaped it

    def terminate(self):
        """Send SIGTERM to the child, unless it is known to have ended."""
        self.send_signal(signal.SIGTERM)

    def kill(self):
        """Send SIGKILL to the child, unless it is known to have ended."""
        self.send_signal(signal.SIGKILL)

    def kill_tree(self):
        """Kill the child with all its descendants; does nothing if the child is known to have ended.

        All are stopped first and then killed, so that none escapes by forking.  Descendants that have their
        own session, and whose parent has ended, can't be found.  Does not wait for the child's end; blocks
        for some milliseconds, half a second at most.  OSError if /proc can't be read.
        """
        from hasten.subprocess import _tree

        _tree.kill_tree(self)


def _whole(name, number):
    """Check an integer argument; None means -1, the default.  TypeError for other types."""
    if number is None:
        return -1
    if not isinstance(number, int):
        raise TypeError(f"{name} must be an integer")
    return number


execute_child = Popen._execute_child


class _Missing:
    """Hides a private method of the standard library's Popen that has no counterpart here."""

    def __init__(self, name):
        self.name = name

    def __get__(self, popen, owner=None):
        raise AttributeError(f"{owner.__name__!r} object has no attribute {self.name!r}")


for _name, _value in list(vars(_stdlib.Popen).items()):
    if isinstance(_value, types.FunctionType) and getattr(Popen, _name) is _value:
        setattr(Popen, _name, _Missing(_name))
