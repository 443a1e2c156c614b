"""Starting the child of a Popen: the choice of the method, and the exceptions of a failed start.

The usual method is vfork() and execve() in C.  On other systems than Linux, and for another user or group,
it is fork() in C, or os.posix_spawn() if that supports the arguments.  A preexec_fn, which is Python code,
needs a fork() with the interpreter's hooks.
"""

import operator
import os
import signal
import sys

from hasten.subprocess import _spawn, _start_by_pipe

SHELL = "/system/bin/sh" if hasattr(sys, "getandroidapilevel") else "/bin/sh"
DEFAULT_PATH = os.fsencode(os.defpath)
_public = sys.modules[__package__]

_USE_VFORK = True
_HAVE_POSIX_SPAWN_CLOSEFROM = hasattr(os, "POSIX_SPAWN_CLOSEFROM")  # since 3.13
# Used instead of fork() if there is no vfork(); else only if the variable is set
_USE_POSIX_SPAWN = hasattr(os, "posix_spawn") and (
    os.environ.get("_PYTHON_SUBPROCESS_USE_POSIX_SPAWN", str(int(not _spawn.HAVE_VFORK))) == "1"
)


def command_of(args, executable, shell):
    """The list of arguments, and the program."""
    if shell and isinstance(args, os.PathLike):
        raise TypeError("path-like args is not allowed when shell is true")
    args = [args] if isinstance(args, (str, bytes, os.PathLike)) else list(args)
    if shell:
        args = [executable or SHELL, "-c", *args]
        return args, executable or SHELL
    return args, args[0] if executable is None else executable


def programs_of(executable, packed):
    """The paths to try: the program's own, or its name in each directory of PATH.  packed: the child's
    environ."""
    name = os.fsencode(executable)
    if b"/" in name:
        return (name,)
    if packed is None:
        path = os.environb.get(b"PATH", DEFAULT_PATH)
    else:
        paths = [entry[5:] for entry in packed if entry.startswith(b"PATH=")]
        if len(paths) > 1:
            raise ValueError("env cannot contain 'PATH' and b'PATH' keys")
        path = paths[0] if paths else DEFAULT_PATH
    folders = path.split(b":")
    return [folder + name if folder[-1:] in (b"", b"/") else b"%b/%b" % (folder, name) for folder in folders]


def start(popen, executable, env, preexec_fn, arguments, parent_ends):
    """Start the program, and set popen's pid.

    arguments: those of _spawn.Plan, except programs and env, by name.  parent_ends: the parent's three ends,
    which the child must not keep.  OSError, SubprocessError, TypeError or ValueError.
    """
    if (
        _public._USE_POSIX_SPAWN
        and preexec_fn is None
        and can_posix_spawn(arguments)
        and os.path.dirname(executable)
    ):
        posix_spawn(popen, executable, env, arguments, parent_ends)
        return
    packed = None if env is None else _spawn.pack_environment(env)
    programs = programs_of(executable, packed)
    hook = _start_by_pipe.hook()
    if hook is not None:
        _start_by_pipe.start_by_hook(
            popen, hook, executable, programs, packed, preexec_fn, arguments, parent_ends
        )
        return
    plan = _spawn.Plan(programs=programs, env=packed, **arguments)
    if preexec_fn is not None:
        _start_by_pipe.start_by_fork(popen, plan, executable, preexec_fn, arguments["cwd"])
    elif not plan.start(_public._USE_VFORK, popen):
        raise failure(plan.error, plan.stage, executable, arguments["cwd"])


def failure(error, stage, executable, cwd):
    """The exception for a child that could not execute its program."""
    if stage == _spawn.CHDIR:
        return OSError(error, os.strerror(error), cwd)
    if stage == _spawn.EXEC:
        return OSError(error, os.strerror(error), executable)
    return OSError(error, os.strerror(error))


def can_posix_spawn(arguments):
    """Whether os.posix_spawn() supports these arguments."""
    return not (
        arguments["pass_fds"]
        or arguments["cwd"] is not None
        or arguments["start_new_session"]
        or arguments["process_group"] != -1
        or operator.index(arguments["umask"]) >= 0
        or any(arguments[name] is not None for name in ("gid", "gids", "uid"))
        or any(0 <= arguments[name] <= 2 for name in ("stdin", "stdout", "stderr"))
        or (arguments["close_fds"] and not _public._HAVE_POSIX_SPAWN_CLOSEFROM)
    )


def posix_spawn(popen, executable, env, arguments, parent_ends):
    """Start the program by os.posix_spawn(), which raises OSError with its name."""
    actions: list[tuple] = [(os.POSIX_SPAWN_CLOSE, end) for end in parent_ends if end != -1]
    for place, name in enumerate(("stdin", "stdout", "stderr")):
        if arguments[name] != -1:
            actions.append((os.POSIX_SPAWN_DUP2, arguments[name], place))
    if arguments["close_fds"]:
        actions.append((os.POSIX_SPAWN_CLOSEFROM, 3))
    defaults = []
    if arguments["restore_signals"]:
        defaults = [getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)]
    environment = os.environ if env is None else env
    _spawn.posix_spawn_for(
        popen, executable, arguments["args"], environment, file_actions=actions, setsigdef=defaults
    )
