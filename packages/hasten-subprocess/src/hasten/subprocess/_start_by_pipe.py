"""Starts whose failures come through a pipe: with a preexec_fn, or by a function in place of ours.

The pipe's write end is closed by execve(), so that end of file means success.  A message is what the
standard library's children write, b"TYPE:ERRNO:TEXT" with the errno in hexadecimal; the text says at which
stage an OSError happened.  Debuggers replace `subprocess._fork_exec` to have a hand in each start.  What they
put there gets the arguments that the running version's own has, and may call ours with them.
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
    """What the child has to say; b"" once it runs the program."""
    message = b""
    while len(message) <= LONGEST_MESSAGE:
        part = os.read(end, LONGEST_MESSAGE)
        if not part:
            break
        message += part
    return message


def exception_from(message, executable, cwd):
    """The exception that a child's message stands for."""
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
    """Call fork(read end, write end), which starts a child and returns its pid; raise what went wrong in it.

    The child is popen's as soon as it is there.  Whoever raises meanwhile leaves it to popen's __del__().
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
    """A pipe of which neither end takes the place of stdin, stdout or stderr in the child."""
    ends = list(owner.pipe())
    for place in range(2):
        while ends[place] <= 2:
            ends[place] = owner.duplicate(ends[place])
    return ends


def end_of_failed(popen):
    """Wait for a child that failed to become its program; it ends at once."""
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
    """A garbage collection in the child would run finalizers of the parent's objects."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def tell_failure(plan, write_end):
    """Write the message; returns 0, the pid of no child."""
    os.write(write_end, b"OSError:%x:%b" % (plan.error, TEXT_OF_STAGE[plan.stage]))
    return 0


def become(plan, preexec_fn, write_end):
    """The child's part after fork(); it does not return."""
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
    """What has been put in place of our fork_exec(); None if nothing has."""
    if sys.version_info >= (3, 11):
        current = _public._fork_exec
    else:
        current = _public._posixsubprocess.fork_exec
    return None if current is fork_exec else current


def start_by_hook(popen, hook, executable, programs, env, preexec_fn, arguments, parent_ends):
    """Start the program by a function in place of our fork_exec()."""
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
