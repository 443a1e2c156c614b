"""``--report``: what was replaced, told at exit on standard error."""

from __future__ import annotations

import atexit
import os
import sys

from hasten.patch import _redirect, _table


def at_exit(installation) -> None:
    """Print the report of *installation*, just made, when this process ends (not in its forked children)."""
    atexit.register(_print_in, os.getpid(), installation, "threading" in sys.modules)


def _print_in(pid, installation, threading_was_there):
    if os.getpid() == pid and sys.stderr is not None:
        sys.stderr.write(text(installation, threading_was_there))


def text(installation, threading_was_there) -> str:
    """One line for each module of the standard library."""
    lines = ["hasten: what was replaced\n"]
    for name in _table.TABLE:
        if name in installation.names:
            lines.append(f"  {name:29} {_fate(name)}\n")
        elif name in installation.absent and name not in _table.GONE:
            lines.append(f"  {name:29} left to the standard library: {_table.missing(name)}\n")
    if "_thread" in installation.names and "threading" in installation.absent:
        which = (
            "the interpreter's _thread: it was imported before" if threading_was_there else "hasten._thread"
        )
        lines.append(f"  The standard library's threading runs over {which}.\n")
    return "".join(lines)


def _fate(name):
    from hasten.patch import _patches

    module = _table.TABLE[name][0]
    patched = _patches.get(name)
    if patched is not None and patched.modules:
        return f"{module}; imported before, patched in place in {', '.join(sorted(patched.modules))}"
    if name in _redirect.active and sys.modules.get(name) is sys.modules.get(module, name):
        return module
    if module in sys.modules:
        return f"{module} (loaded by hasten itself, not imported as {name})"
    return f"{module}, had it been imported"
