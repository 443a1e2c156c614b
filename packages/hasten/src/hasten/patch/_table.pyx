# cython: freethreading_compatible=True
"""The table of replaceable modules: stdlib name -> hasten module -> distribution."""

import os
import sys

TABLE = {
    "_thread": ("hasten._thread", "hasten-thread"),
    "threading": ("hasten.threading", "hasten-threading"),
    "queue": ("hasten.queue", "hasten-queue"),
    "sched": ("hasten.sched", "hasten-sched"),
    "subprocess": ("hasten.subprocess", "hasten-subprocess"),
    "multiprocessing.shared_memory": ("hasten.shared_memory", "hasten-shared-memory"),
    "multiprocessing": ("hasten.multiprocessing", "hasten-multiprocessing"),
    "concurrent.futures": ("hasten.futures", "hasten-futures"),
    "_dummy_thread": ("hasten._dummy_thread", "hasten-dummy-thread"),
    "dummy_threading": ("hasten.dummy_threading", "hasten-dummy-threading"),
    "_dummy_threading": ("hasten.dummy_threading", "hasten-dummy-threading"),
}
# Packages with submodules that programs import by name (concurrent.futures.thread, ...).
PACKAGES = ("multiprocessing", "concurrent.futures")
# Removed from the standard library in 3.9: without their distribution there is no module to fall back to.
GONE = ("_dummy_thread", "dummy_threading", "_dummy_threading")

STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep


class UnknownModule(ValueError):
    """A name that is not in the table."""


class NotInstalled(ImportError):
    """A module was asked for by name, but its distribution is not installed."""


class Refused(RuntimeError):
    """Replacing modules now would break the program."""


def owner(fullname):
    """The table's name that *fullname* belongs to: itself, or the package it is a part of."""
    if fullname in TABLE:
        return fullname
    for package in PACKAGES:
        if fullname.startswith(package + "."):
            return package
    return None


def target(fullname):
    """The hasten module that stands for *fullname*, which has an owner."""
    name = owner(fullname) or fullname
    return TABLE[name][0] + fullname[len(name) :]


def names_of(value):
    """The names in *value*: a comma-separated string or an iterable of strings. Each is in the table."""
    names = value.split(",") if isinstance(value, str) else list(value)
    return [_known(name.strip()) for name in names]


def _known(name):
    if name in TABLE:
        return name
    package = owner(name)
    if package:
        raise UnknownModule(f"{name!r} is replaced together with {package!r}: name that one")
    from difflib import get_close_matches

    close = [known for known in TABLE if known.endswith("." + name)] or get_close_matches(name, TABLE, 1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise UnknownModule(f"unknown module {name!r}: {hint}known are {', '.join(TABLE)}")


def available(name):
    """Whether the distribution that replaces *name* is installed."""
    module = TABLE[name][0]
    if module in sys.modules:
        return sys.modules[module] is not None
    package, _, child = module.partition(".")
    folders = sys.modules[package].__path__
    if any(os.path.isfile(os.path.join(folder, child, "__init__.py")) for folder in folders):
        return True
    # As importlib.util.find_spec() does; importing importlib.util would take longer than the whole launcher.
    finders = [finder for finder in list(sys.meta_path) if hasattr(finder, "find_spec")]
    return any(finder.find_spec(module, folders) for finder in finders)


def missing(name):
    """What to tell a user who wants *name* replaced and lacks its distribution."""
    module, distribution = TABLE[name]
    return f"{module} is not installed: pip install {distribution}"


def in_stdlib(spec):
    """Whether a module found by *spec* is the standard library's, not a file of the user of the same name."""
    origin = getattr(spec, "origin", None)
    if origin in ("built-in", "frozen"):
        return True
    if not origin:  # namespace package
        return False
    folder = origin[len(STDLIB) :].partition(os.sep)[0]
    return origin.startswith(STDLIB) and folder not in ("site-packages", "dist-packages")


def select(only=None, exclude=None):
    """The names to replace, and those left because their distribution is not installed."""
    wanted = list(TABLE) if only is None else names_of(only)
    skipped = [] if exclude is None else names_of(exclude)
    wanted = [name for name in wanted if name not in skipped]
    absent = [name for name in wanted if not available(name)]
    if only is not None and absent:
        raise NotInstalled("; ".join(missing(name) for name in absent), name=TABLE[absent[0]][0])
    return [name for name in wanted if name not in absent], absent
