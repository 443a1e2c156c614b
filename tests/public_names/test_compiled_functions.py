"""Compiled functions that say they are functions of Python (function.h) live and die as Cython's do."""

from __future__ import annotations

import copy
import gc
import importlib
import inspect
import pickle
import sys
import types
import weakref
from typing import Any

import pytest

COMPILED = [
    ("hasten.threading", "Event.set"),
    ("hasten.queue", "Queue.put"),
    ("hasten.sched", "scheduler.enter"),
    ("hasten.dummy_threading", "Event.set"),
]


@pytest.fixture(params=COMPILED, ids=[".".join(each) for each in COMPILED])
def function(request: pytest.FixtureRequest) -> Any:
    module, path = request.param
    value = pytest.importorskip(module)
    for name in path.split("."):
        value = inspect.getattr_static(value, name)
    return value


def test_it_says_what_a_function_of_python_says(function: Any) -> None:
    assert isinstance(function, types.FunctionType) and inspect.isfunction(function)
    assert type(function) is not types.FunctionType and function.__class__ is types.FunctionType
    assert inspect.isroutine(function) and callable(function) and inspect.getdoc(function)
    assert inspect.getmodule(function) is sys.modules[function.__module__]
    assert pickle.loads(pickle.dumps(function)) is function is copy.deepcopy(function)


def test_it_has_no_source(function: Any) -> None:
    """As for a class in C, not the lines with those numbers of the public module."""
    assert inspect.getfile(function) == function.__globals__["__file__"]
    with pytest.raises(OSError, match="source code not available"):
        inspect.getsource(function)


def test_it_has_a_dictionary(function: Any) -> None:
    """The values that it had before its type changed, and many more."""
    before = dict(vars(function))
    names = [f"attribute{n}" for n in range(40)]
    for name in names:
        setattr(function, name, name)
    assert {**before, **{name: name for name in names}} == vars(function)
    for name in names:
        delattr(function, name)
    gc.collect()
    assert vars(function) == before and set(before) <= set(dir(function))


def test_its_type_is_as_constant_as_cythons(function: Any) -> None:
    """Calls are specialised by that: a type that may change costs a third of a call on 3.11+."""
    ours, cythons = type(function), type(function).__mro__[1]
    speed = (
        1 << 11 | 1 << 17 | (1 << 8 if sys.version_info >= (3, 10) else 0)
    )  # vectorcall, method, immutable
    assert ours.__flags__ & speed == cythons.__flags__ & speed
    assert ours.__basicsize__ == cythons.__basicsize__ and ours.__name__ == cythons.__name__


def test_it_goes_when_nothing_refers_to_it() -> None:
    module = pytest.importorskip("hasten.dummy_threading")
    publish = importlib.import_module("hasten.dummy_threading._published").publish_functions

    def another() -> Any:
        made = module.synchronized_iterator(iter)  # a closure, made anew
        made.before = module
        publish(made)
        made.me = made
        return made

    def many() -> int:
        refs = [weakref.ref(another()) for _ in range(500)]
        gc.collect()
        assert [ref() for ref in refs] == [None] * 500
        del refs
        return sys.getallocatedblocks()

    assert isinstance(another(), types.FunctionType)
    counts = [many() for _ in range(6)]
    # One that stays each time would be 500 in every round; a table that grows is in one of them.
    assert min(after - before for before, after in zip(counts, counts[1:])) < 100, counts
