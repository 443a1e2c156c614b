"""The standard library's `subprocess`, compiled: the API of CPython 3.15 on every supported version.

Children are started by vfork() and execve() in C, waited for by pidfd, and communicate() is one poll loop
without the GIL.  Exceptions and constants are the standard library's objects, and Popen is a subclass of its
Popen, so that isinstance() and except clauses hold across both modules.  On Windows everything is the
standard library's.
"""

import subprocess as _stdlib
import sys as _sys
from types import ModuleType as _ModuleType

__all__ = [
    "DEVNULL",
    "PIPE",
    "STDOUT",
    "CalledProcessError",
    "CompletedProcess",
    "Popen",
    "SubprocessError",
    "TimeoutExpired",
    "call",
    "check_call",
    "check_output",
    "getoutput",
    "getstatusoutput",
    "run",
    "wait_any",
]

PIPE, STDOUT, DEVNULL = _stdlib.PIPE, _stdlib.STDOUT, _stdlib.DEVNULL
SubprocessError = _stdlib.SubprocessError
CalledProcessError = _stdlib.CalledProcessError
TimeoutExpired = _stdlib.TimeoutExpired

if _sys.platform == "win32":
    from subprocess import *  # noqa: F403
    from subprocess import list2cmdline

    __all__ = _stdlib.__all__
else:
    try:
        from hasten.subprocess import _bundle  # the compiled modules, in one file
    except ImportError:
        pass  # they are files of their own
    else:
        _bundle.load(
            "_spawn", "_descriptors", "_supervised", "_communicate", "_pipe_end", "_child_end", "_shown",
            "_exceptions", "_command_line", "_arguments", "_start_by_pipe", "_start", "_by_selector",
            "_waiting_calls", "_streams", "_handles", "_popen", "_reaping", "_run",
        )  # fmt: skip

    from hasten.subprocess import _exceptions
    from hasten.subprocess._command_line import list2cmdline
    from hasten.subprocess._popen import Popen
    from hasten.subprocess._reaping import _active, _cleanup
    from hasten.subprocess._run import (
        CompletedProcess,
        call,
        check_call,
        check_output,
        getoutput,
        getstatusoutput,
        run,
    )
    from hasten.subprocess._start import _HAVE_POSIX_SPAWN_CLOSEFROM, _USE_POSIX_SPAWN, _USE_VFORK
    from hasten.subprocess._start_by_pipe import fork_exec as _fork_exec
    from hasten.subprocess._waiting_calls import _CAN_USE_PIDFD_OPEN, _time, wait_any

    if _sys.version_info < (3, 11):
        from types import SimpleNamespace as _SimpleNamespace

        _posixsubprocess = _SimpleNamespace(fork_exec=_fork_exec)  # where older versions have it


def __getattr__(name):
    """Other private names, and modules that the standard library's imports, are those of the standard
    library."""
    value = getattr(_stdlib, name, None) if not name.startswith("__") else None
    if value is not None and (name.startswith("_") or isinstance(value, _ModuleType)):
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
