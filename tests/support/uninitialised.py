"""Steps: every attribute and public method of objects that only `__new__` has made."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from support.public_names import DUNDERS, EVENT_FIELDS, MODULES, SIDES, classes_of

# What a parameter of this name is given: nothing here waits for longer than a moment
PLAUSIBLE: dict[str, Any] = {
    "timeout": 0.01,
    "endtime": 0.01,
    "block": False,
    "blocking": False,
    "item": 1,
    "fn": int,
    "func": int,
    "action": int,
    "function": int,
    "n": 1,
    "predicate": bool,
    "wait_for": 0.01,
    "delay": 0,
    "time": 0.0,
    "priority": 1,
    "input": None,
    "signal": 0,
    "sig": 0,
    "result": 1,
    "exception": ValueError("plausible"),
    "name": "name",
    "daemonic": True,
    "wait": False,
    "iterables": [1],
    "key": "key",
    "typ": None,
}
# What is whole without an __init__, or cannot be made by __new__ alone
COMPLETE = frozenset(
    "WorkerContext LockType lock serialize_iterator ExceptHookArgs DoneAndNotDoneFutures".split()
)
BOUNDED = frozenset({"timeout", "block", "blocking", "wait"})  # given although they have a default
SPECIAL = sorted(DUNDERS - {"__init__", "__call__", "__new__"}) + [
    "__del__",
    "__reduce__",
    "__hash__",
    "__dir__",
]
VALUES: tuple[object, ...] = (None, 1, "text", [])


def fresh(cls: Any, name: str, stdlib_name: str) -> Any:
    if (name, stdlib_name) == ("Event", "sched"):
        return cls.__new__(cls, *map(EVENT_FIELDS.get, cls._fields))
    return cls.__new__(cls)


def arguments_for(function: Any) -> tuple[list[Any], dict[str, Any]]:
    """Plausible arguments by the names of a bound method's parameters."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return [], {}
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for p in parameters:
        value = PLAUSIBLE.get(p.name, p.name)
        if p.kind is p.POSITIONAL_ONLY and p.default is p.empty:
            positional.append(value)
        elif p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and (
            p.default is p.empty or p.name in BOUNDED
        ):
            named[p.name] = value
    return positional, named


def call(cls: Any, name: str, stdlib_name: str, member: str) -> str:
    one = fresh(cls, name, stdlib_name)
    method = getattr(one, member)
    if not callable(method):
        return "not callable"
    positional, named = arguments_for(method)
    if member == "__exit__":
        positional, named = [None, None, None], {}
    method(*positional, **named)
    return "returned"


def read_set_and_delete(cls: Any, name: str, stdlib_name: str, member: str) -> str:
    """Each may fail as it likes with an Exception; what remains must not crash when it is read or dropped."""
    one = fresh(cls, name, stdlib_name)
    told = []
    for act in (getattr, *[lambda o, m, v=v: setattr(o, m, v) for v in VALUES], delattr, getattr):
        try:
            act(one, member)
            told.append("ok")
        except Exception as error:
            told.append(type(error).__name__)
    return f"attribute: {' '.join(told)}"


def shown_and_dropped(cls: Any, name: str, stdlib_name: str) -> str:
    one = fresh(cls, name, stdlib_name)
    told = []
    for act in (repr, str, hash, bool, vars, dir):
        try:
            act(one)
        except Exception as error:
            told.append(type(error).__name__)
    return f"shown: {' '.join(told)}"


def started_late(cls: Any, name: str, stdlib_name: str, members: list[str]) -> str:
    """Reading attributes first does no harm to an __init__ that comes later."""
    from support.public_names import ARGUMENTS

    if name in COMPLETE:
        return "initialised late"
    one = fresh(cls, name, stdlib_name)
    for member in members:
        try:
            getattr(one, member)
        except Exception:
            continue
    arguments = (["true"],) if name == "Popen" else ARGUMENTS.get(name, ())
    one.__init__(*arguments)
    if name == "Popen":
        one.wait()
    if stdlib_name == "multiprocessing.shared_memory":
        block = getattr(one, "shm", one)
        block.close()
        block.unlink()
    return "initialised late"


def steps(side: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """For each class: every method called, every attribute read and set, and __init__ run late."""
    seen: set[type] = set()
    for ours in MODULES:
        try:
            classes = list(classes_of(SIDES[side], ours))
        except ImportError:
            continue
        for name, cls, _ in classes:
            if cls in seen or issubclass(cls, BaseException):
                continue
            seen.add(cls)
            yield from steps_of(cls, name, MODULES[ours], f"{SIDES[side].module(ours).__name__}.{name}")


def steps_of(cls: Any, name: str, stdlib_name: str, shown: str) -> Iterator[tuple[str, Callable[[], object]]]:
    members = [m for m in dir(cls) if not (m.startswith("__") and m.endswith("__"))]
    yield f"{shown}: shown", lambda: shown_and_dropped(cls, name, stdlib_name)
    for member in members:
        yield f"{shown}: .{member} set", lambda m=member: read_set_and_delete(cls, name, stdlib_name, m)  # type: ignore[misc]
    for member in [*(m for m in members if not m.startswith("_")), *(m for m in SPECIAL if hasattr(cls, m))]:
        yield f"{shown}: {member}()", lambda m=member: call(cls, name, stdlib_name, m)  # type: ignore[misc]
    yield f"{shown}: late __init__", lambda: started_late(cls, name, stdlib_name, members)
