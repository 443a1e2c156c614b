"""The public names of every module, as data: what the newest stdlib has, and how to make one of each.

`tests/public_names/newest.json` records the newest version's names, kinds and signatures; its maker is
`record.py` beside it.  An older interpreter is compared with that record, as the API is the same on all.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

RECORD = Path(__file__).parent.parent / "public_names" / "newest.json"

# Ours, and the module of the standard library whose names it has
MODULES = {
    "hasten.queue": "queue",
    "hasten.threading": "threading",
    "hasten._thread": "_thread",
    "hasten.sched": "sched",
    "hasten.subprocess": "subprocess",
    "hasten.shared_memory": "multiprocessing.shared_memory",
    "hasten.futures": "concurrent.futures",
    "hasten.futures._base": "concurrent.futures._base",
    "hasten.futures.thread": "concurrent.futures.thread",
    "hasten.futures.process": "concurrent.futures.process",
    "hasten.futures.interpreter": "concurrent.futures.interpreter",
    "hasten.dummy_threading": "threading",
    "hasten._dummy_thread": "_thread",
}
DUNDERS = frozenset(
    "__init__ __enter__ __exit__ __iter__ __next__ __call__ __repr__ __class_getitem__ __len__".split()
)
# Bases whose members are the interpreter's business
FOREIGN = (object, BaseException, Exception, RuntimeError, tuple, ValueError, types.GenericAlias)
PLAIN = (type(None), bool, int, float, str, bytes)


class Side(NamedTuple):
    """The standard library (which validates a test itself) or ours."""

    name: str
    module: Callable[[str], types.ModuleType]


def stdlib_module(ours: str) -> types.ModuleType:
    return importlib.import_module(MODULES[ours])


STDLIB = Side("stdlib", stdlib_module)
HASTEN = Side("hasten", importlib.import_module)
SIDES = {side.name: side for side in (STDLIB, HASTEN)}


def newest() -> dict[str, Any]:
    """What record.py wrote, by the name of the stdlib's module."""
    return json.loads(RECORD.read_text())


def public_names(module: types.ModuleType) -> list[str]:
    """What `__all__` lists, and what else the module itself defines without an underscore."""
    own = {n for n, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__}
    listed = getattr(module, "__all__", None) or own
    return sorted(n for n in {*listed, *own} if not n.startswith("_") and callable(getattr(module, n, None)))


def member_names(cls: type) -> list[str]:
    """Public members and the special methods that a program calls, wherever in the MRO they are."""
    bases = [base for base in cls.__mro__ if base not in FOREIGN and base.__module__ != "typing"]
    names = {name for base in bases for name in vars(base)}
    return sorted(name for name in names if not name.startswith("_") or name in DUNDERS)


def kind_of(raw: object) -> str:
    """In what way a member of a class binds: 'function', 'property', 'classmethod', 'builtin', 'data', ..."""
    for kind in (staticmethod, classmethod, property, type):
        if isinstance(raw, kind):
            return kind.__name__
    if hasattr(raw, "__code__") and hasattr(raw, "__get__"):
        return "function"
    return "builtin" if callable(raw) or hasattr(type(raw), "__get__") else "data"


def default_text(value: object) -> str:
    if isinstance(value, PLAIN) or value == ():
        return repr(value)
    return f"<{value.__name__}>" if callable(value) and hasattr(value, "__name__") else "<object>"


Parameters = list[list[Any]]


def parameters_of(callable_: object) -> Parameters | None:
    """[name, kind, default] of each parameter; None where the interpreter knows no signature."""
    try:
        signature = inspect.signature(callable_)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None
    return [
        [p.name, p.kind.name, None if p.default is p.empty else default_text(p.default)]
        for p in signature.parameters.values()
    ]


def shown(parameters: Parameters | None) -> str:
    """A signature for a failure's message; kinds that cannot be seen otherwise are marked."""
    if parameters is None:
        return "(no signature)"
    marks = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**", "POSITIONAL_ONLY": "/", "KEYWORD_ONLY": "kw:"}
    words = [
        marks.get(kind, "") + name + ("" if default is None else f"={default}")
        for name, kind, default in parameters
    ]
    return f"({', '.join(words)})"


def defining(cls: type, name: str) -> Any:
    """The raw member, descriptors not applied."""
    return inspect.getattr_static(cls, name)


# -- one instance of each class ------------------------------------------------------------------------

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "Timer": (1, int),
    "Barrier": (1,),
    "serialize_iterator": (iter("abc"),),
    "CompletedProcess": (["x"], 0),
    "CalledProcessError": (1, "x"),
    "TimeoutExpired": ("x", 1),
    "ThreadPoolExecutor": (1,),
    "ProcessPoolExecutor": (1,),
    "InterpreterPoolExecutor": (1,),
    "ExceptHookArgs": ((ValueError, ValueError(), None, None),),
    "DoneAndNotDoneFutures": (set(), set()),
    "SharedMemory": (None, True, 16),
}
# Made by the modules for themselves, a type that only has the name here, a process to start, or a named block
NOT_MADE = frozenset(
    {
        "SharedMemory",
        "ShareableList",
        "WorkerContext",
        "Queue@concurrent.futures.process",
        "LockType",
        "partial",
        "islice",
    }
)

# sequence is there from 3.10 on
EVENT_FIELDS = {"time": 1.0, "priority": 1, "sequence": 1, "action": int, "argument": (), "kwargs": {}}
# Classes that are there on our side too, but cannot be used without what the interpreter lacks
NEWER_CLASSES = {"InterpreterPoolExecutor": (3, 14)}


def made(cls: Any, name: str, stdlib_name: str) -> Any:
    """An instance, or None for what is not made by calling; Popen's runs `true`."""
    if name in NOT_MADE or f"{name}@{stdlib_name}" in NOT_MADE:
        return None
    if name == "Event" and stdlib_name == "sched":
        return cls(*map(EVENT_FIELDS.get, cls._fields))
    if name == "Popen":
        process = cls(["true"])
        process.wait()
        if process.returncode is None:  # a subclass that has a wait() of its own
            os.waitpid(process.pid, 0)
            process.returncode = 0
        return process
    return cls(*ARGUMENTS.get(name, ()))


def classes_of(side: Side, ours: str) -> Iterator[tuple[str, type, type | None]]:
    """(name, class, the running stdlib's class or None) of each recorded class that this side has."""
    module, running = side.module(ours), running_stdlib(ours)
    for name, entry in newest().get(MODULES[ours], {}).items():
        cls = getattr(module, name, None)
        usable = sys.version_info >= NEWER_CLASSES.get(name, (3,))
        if entry["kind"] != "class" or not inspect.isclass(cls) or not usable:
            continue
        if hasattr(running, name) or cls.__module__ != MODULES[ours]:  # else the interpreter's, by a new name
            yield name, cls, getattr(running, name, None)


def running_stdlib(ours: str) -> types.ModuleType | None:
    try:
        return stdlib_module(ours)
    except ImportError:
        return None
