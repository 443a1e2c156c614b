"""Apply the redirect in child processes.

Children of ``multiprocessing`` (and so of process pools): forked ones have everything already.
For "spawn" and "forkserver", ``multiprocessing`` starts ``python -c "from multiprocessing.spawn
import spawn_main; ..."`` through one function, ``multiprocessing.util.spawnv_passfds``.  We put a line in
front of that program text.  This reaches exactly these children, also under ``-I`` and ``-E``, needs
nothing in the environment, and leaves the resource tracker as it is.  A child under another executable
(given to ``set_executable``), which may lack hasten, runs with its standard library.

``--inherit`` reaches every Python the program starts.  There a variable names the modules, and
a folder at the head of PYTHONPATH holds a ``sitecustomize.py`` that replaces them and then runs the
user's own ``sitecustomize``.  The alternative is a ``.pth`` file in the wheel.  It works
under ``-I`` and ``-E`` too, but every start of every Python in that environment would pay for it,
editable installs do not place it, and a child in another virtual environment would not see it.
PYTHONPATH goes wherever the environment goes; in an interpreter without hasten the hook finds no
hasten and does nothing.
"""

from __future__ import annotations

import os
import sys

from hasten.patch import _redirect

VARIABLE = "HASTEN_PATCH"
_HOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_site")
_PROGRAMS = ("from multiprocessing.spawn import ", "from multiprocessing.forkserver import ")
# One statement that leaves no name behind in the child's __main__.
_PREAMBLE = """\
try: __import__("hasten.patch._children").patch._children.join({names!r})
except ImportError: pass
"""


def join(names: str) -> None:
    """In a child: replace what was replaced in its parent, as far as it is installed here."""
    from hasten.patch import _table, install

    here = [name for name in _table.TABLE if name in names.split(",") and _table.available(name)]
    if here:
        install(*here)


def after_import(name, function) -> None:
    """In a child: call *function* with the standard library's module *name* when that is loaded."""
    _redirect.after_import(name, function)


def inherit(environ) -> None:
    """Let every Python started with *environ* replace what is replaced here."""
    environ[VARIABLE] = ",".join(_redirect.active)
    path = environ.get("PYTHONPATH")
    entries = path.split(os.pathsep) if path else []
    environ["PYTHONPATH"] = os.pathsep.join([_HOOK] + [entry for entry in entries if entry != _HOOK])


def follow(util) -> None:
    """From now on, have multiprocessing start its children with what is replaced at that time.

    *util* is ``multiprocessing.util``; its spawnv_passfds(path, args, passfds) is wrapped, once.
    """
    start = util.spawnv_passfds
    if getattr(start, "hasten", False):
        return

    def spawnv_passfds(path, args, passfds):
        if _redirect.active and os.fsencode(path) == os.fsencode(sys.executable or ""):
            args = [_with_preamble(arg) for arg in args]
        return start(path, args, passfds)

    spawnv_passfds.hasten = spawnv_passfds  # functools.wraps() copies it: a program's wrapper is not meant
    util.spawnv_passfds = spawnv_passfds


def _with_preamble(arg):
    if not isinstance(arg, str):
        return arg
    program = arg[len("import sys; ") :] if arg.startswith("import sys; ") else arg
    if not program.startswith(_PROGRAMS):
        return arg
    return _PREAMBLE.format(names=",".join(_redirect.active)) + arg
