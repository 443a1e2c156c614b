"""The command line of a spawned child, and the file that it reads."""

from __future__ import annotations

import marshal
import os
import sys
import tempfile
from contextlib import contextmanager

from hasten.multiprocessing import _registries, spawn, util

_SPAWN = (
    "get_command_line",
    "get_preparation_data",
    "get_executable",
    "spawn_main",
    "_main",
    "prepare",
    "_fixup_main_from_path",
    "_fixup_main_from_name",
)
_code: bytes = b""


def is_standard() -> bool:
    """Whether a child would be started as the standard library does it in a program that has changed nothing.

    Not so in a frozen program, with another executable, or where a program has replaced a part.
    """
    if getattr(sys, "frozen", False) or not sys.executable or not spawn.get_executable() or is_foreign():
        return False
    reduction = _registries.context.reduction
    return (
        all(_is_own(spawn, name) for name in _SPAWN)
        and (_is_own(util, "spawnv_passfds") or _is_the_launchers(util.spawnv_passfds))
        and _is_own(util, "_args_from_interpreter_flags", "subprocess")
        and reduction is _registries.REDUCTION
        and reduction.dump is _registries.DUMP
    )


def is_foreign() -> bool:
    """Whether children are started under another executable than this process, which may lack hasten."""
    executable = spawn.get_executable()
    return bool(executable and sys.executable) and os.fsencode(executable) != os.fsencode(sys.executable)


def _is_own(module, name, where=None):
    function = getattr(module, name, None)
    home = getattr(function, "__globals__", {}).get("__name__")
    return home in (module.__name__, where, "hasten.subprocess")


def _is_the_launchers(function):
    """Whether it is the function of `python -m hasten` itself, and not a program's around it."""
    return getattr(function, "hasten", None) is function


def bootstrap() -> bytes:
    """The code of _bootstrap.py, for marshal.loads()."""
    global _code
    if not _code:
        from hasten.multiprocessing._start import _bootstrap

        _code = marshal.dumps(_bootstrap.__spec__.loader.get_code(_bootstrap.__name__))  # type: ignore[union-attr]
    return _code


def line(fd) -> list:
    """The command line of a child that reads bootstrap() and its blob from the descriptor *fd*."""
    size = len(bootstrap())
    program = (
        "import marshal, posix; names = {'__name__': '_bootstrap', '__builtins__': __builtins__}; "
        f"exec(marshal.loads(posix.pread({fd}, {size}, 0)), names); names['main']({fd}, {size})"
    )
    options = util._args_from_interpreter_flags()
    return [spawn.get_executable(), *options, "-c", program, "--multiprocessing-fork"]


@contextmanager
def file_with(*pieces):
    """A file without a name that holds *pieces*: its descriptor, while the block runs."""
    fd = _unnamed()
    try:
        for piece in pieces:
            view = memoryview(piece)
            while view:
                view = view[os.write(fd, view[: 1 << 30]) :]
        yield fd
    finally:
        os.close(fd)


def _unnamed():
    try:
        return os.memfd_create("hasten-child")
    except (AttributeError, OSError):
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
