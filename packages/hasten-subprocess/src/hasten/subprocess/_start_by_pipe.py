"""Starts whose failures are reported through a pipe: with a preexec_fn, or with a replaced `_fork_exec`.

The pipe's write end is closed by execve(), so end of file means success.  A failure is a message in the
standard library's format, b"TYPE:ERRNO:TEXT" with the errno in hexadecimal; the text tells the stage of an
OSError. Debuggers replace `subprocess._fork_exec` to intercept starts.  A replacement is called with the
arguments of the running version's function, and may call ours with them.
"""

import builtins
import contextlib
import gc
import os
import subprocess as _stdlib
import sys

from hasten.subprocess import _spawn
from hasten.subprocess._descriptors import Descriptors

LONGEST_MESSAGE = 50_000  # bytes
TEXT_OF_STAGE = {_spawn.PREPARE: b"noexec", _spawn.CHDIR: b"noexec:chdir", _spawn.EXEC: b""}
_public = sys.modules[__package__]


def read_message(end):
    """Read the child's failure message; b"" if it runs the program.  Blocks."""
    message = b""
    while len(message) <= LONGEST_MESSAGE:
        part = os.read(end, LONGEST_MESSAGE)
        if not part:
            break
        message += part
    return message


def exception_from(message, executable, cwd):
    """The exception for a child's failure message."""
    try:
        name, number, text = message.split(b":", 2)
        error, text = int(number or b"0", 16), text.decode()
    except ValueError:
        return _stdlib.SubprocessError(f"Bad exception data from child: {message!r}")
    kind = getattr(builtins, name.decode("ascii", "replace"), None)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        return _stdlib.SubprocessError(text)
    if not issubclass(kind, OSError):
        return kind(text)
    told = os.strerror(error) if error else text
    if text == "noexec":
        return kind(error, told)
    return kind(error, told, cwd if text == "noexec:chdir" else executable)


def start_with_pipe(popen, fork, executable, cwd):
    """Call fork(read end, write end), which starts a child and returns its pid; raise the child's failure.

    popen gets the pid at once; after an exception meanwhile, its __del__() takes care of the child.
    """
    owner = Descriptors()
    try:
        read_end, write_end = open_pipe(owner)
        popen.pid, popen._child_created = fork(read_end, write_end), True
        owner.close(write_end)
        message = read_message(read_end)
    finally:
        owner.close_all()
    if message:
        end_of_failed(popen)
        raise exception_from(message, executable, cwd)


def open_pipe(owner):
    """A pipe whose ends are not 0, 1 or 2, which are the child's stdin, stdout and stderr."""
    ends = list(owner.pipe())
    for place in range(2):
        while ends[place] <= 2:
            ends[place] = owner.duplicate(ends[place])
    return ends


def end_of_failed(popen):
    """Reap a child that failed to execute its program; it ends at once."""
    if popen.pid > 0:
        popen._wait(timeout=None)
    else:
        popen._child_created = False


def refuse_at_shutdown():
    if sys.version_info >= (3, 12) and sys.is_finalizing():
        kind = getattr(builtins, "PythonFinalizationError", RuntimeError)
        raise kind("preexec_fn not supported at interpreter shutdown")


@contextlib.contextmanager
def no_collection():
    """Context manager: no garbage collection, which in the child would run finalizers of the parent's
    objects."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def tell_failure(plan, write_end):
    """Write a plan's failure message; returns 0 in place of a pid."""
    os.write(write_end, b"OSError:%x:%b" % (plan.error, TEXT_OF_STAGE[plan.stage]))
    return 0


def become(plan, preexec_fn, write_end):
    """In the child after fork(): run preexec_fn and execute the program.  Does not return."""
    try:
        try:
            plan.become(preexec_fn)
            tell_failure(plan, write_end)
        except BaseException:
            os.write(write_end, b"SubprocessError:0:Exception occurred in preexec_fn.")
    finally:
        os._exit(255)


def start_by_fork(popen, plan, executable, preexec_fn, cwd):
    """Start the plan's program in a forked child that calls preexec_fn first."""

    def fork(read_end, write_end):
        return _spawn.fork_for(popen, become, plan, preexec_fn, write_end)

    refuse_at_shutdown()
    with no_collection():
        start_with_pipe(popen, fork, executable, cwd)


def hook():
    """The function that a program has put in place of fork_exec(), or None."""
    if sys.version_info >= (3, 11):
        current = _public._fork_exec
    else:
        current = _public._posixsubprocess.fork_exec
    return None if current is fork_exec else current


def start_by_hook(popen, hook, executable, programs, env, preexec_fn, arguments, parent_ends):
    """Start the program by a replacement of fork_exec()."""
    a = arguments
    to_child, from_child, errors = parent_ends

    def fork(read_end, write_end):
        keep = tuple(sorted({*a["pass_fds"], write_end}))
        ends = (a["stdin"], to_child, from_child, a["stdout"], errors, a["stderr"], read_end, write_end)
        session = [a["restore_signals"], a["start_new_session"]]
        if sys.version_info >= (3, 11):
            session.append(a["process_group"])
        rest = [a["gid"], a["gids"], a["uid"], a["umask"], preexec_fn]
        if (3, 10) <= sys.version_info < (3, 14):
            rest.append(_public._USE_VFORK)
        command = (a["args"], tuple(programs), a["close_fds"], keep, a["cwd"], env)
        return hook(*command, *ends, *session, *rest)

    start_with_pipe(popen, fork, executable, a["cwd"])


def fork_exec(args, executable_list, close_fds, pass_fds, cwd, env, p2cread, p2cwrite, c2pread, c2pwrite,
              errread, errwrite, errpipe_read, errpipe_write, restore_signals,
              start_new_session, *rest):  # fmt: skip
    """Start a child, with the arguments of the function of this name that the standard library uses.

    Returns the child's pid; failures go to errpipe_write.
    """
    others = rest if sys.version_info >= (3, 11) else (-1, *rest)
    group, gid, gids, uid, umask, preexec_fn, *_ = others
    keep = [fd for fd in pass_fds if fd != errpipe_write]
    plan = _spawn.Plan(args, executable_list, close_fds, keep, cwd, env, p2cread, c2pwrite, errwrite,
                       restore_signals, start_new_session, group, gid, gids, uid, umask)  # fmt: skip
    if preexec_fn is not None:
        return _spawn.fork_for(None, become, plan, preexec_fn, errpipe_write)
    return plan.start(_public._USE_VFORK) or tell_failure(plan, errpipe_write)
