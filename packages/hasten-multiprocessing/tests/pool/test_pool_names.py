"""Functions go to a pool's workers by their names, which a program may give to others at any time."""

from __future__ import annotations

import importlib
import multiprocessing
import multiprocessing.pool
import multiprocessing.reduction
import pickle
import sys
import types
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import hasten.multiprocessing

OURS = hasten.multiprocessing
NAME = "names_of_a_test"


def one() -> int:
    return 1


def two() -> int:
    return 2


def same(*args: Any, **kwds: Any) -> Any:
    return args, kwds


def rebind() -> None:
    """In the module of this name, the name of one() is another's from now on."""
    vars(sys.modules[NAME])["one"] = two


def forget() -> None:
    """The module comes anew, with its next import."""
    del sys.modules[NAME]


class Finder:
    """Imports a module of its own, with a one() that tells how often that was done."""

    made = 0

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
        return importlib.machinery.ModuleSpec(name, cls) if name == NAME else None  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: Any) -> ModuleType:
        return types.ModuleType(NAME)

    @classmethod
    def exec_module(cls, module: ModuleType) -> None:
        cls.made += 1
        text = f"def one():\n    return {cls.made}"
        exec(text, vars(module))


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module with one(), which returns 1."""
    monkeypatch.setattr(Finder, "made", 0)
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    yield importlib.import_module(NAME)
    sys.modules.pop(NAME, None)


def test_a_worker_calls_what_has_the_name_now(impl: ModuleType, named: ModuleType) -> None:
    with impl.get_context("fork").Pool(1) as pool:
        assert [pool.apply(named.one) for _ in range(3)] == [1, 1, 1]
        pool.apply(rebind)
        assert [pool.apply(named.one) for _ in range(2)] == [2, 2]


def test_a_worker_imports_again_what_it_forgot(impl: ModuleType, named: ModuleType) -> None:
    with impl.get_context("fork").Pool(1) as pool:
        assert [pool.apply(named.one) for _ in range(3)] == [1, 1, 1]
        pool.apply(forget)
        assert [pool.apply(named.one) for _ in range(2)] == [2, 2]


def test_a_function_that_has_lost_its_name(impl: ModuleType, named: ModuleType) -> None:
    first = named.one
    with impl.get_context("fork").Pool(1) as pool:
        assert pool.apply(first) == 1
        vars(named)["one"] = two
        with pytest.raises(pickle.PicklingError):
            pool.apply(first)
        vars(named)["one"] = first
        assert pool.apply(first) == 1
        first.__qualname__ = "another"
        with pytest.raises((pickle.PicklingError, AttributeError)):
            pool.apply(first)


def test_arguments_of_every_kind(impl: ModuleType) -> None:
    shared: list[int] = [1]
    with impl.get_context("fork").Pool(1) as pool:
        for size in (0, 10, 1000, 5000, 100_000):
            assert pool.apply(same, (b"x" * size,), {"y": "z" * size}) == ((b"x" * size,), {"y": "z" * size})
        (a, b), kwds = pool.apply(same, (shared, shared), {"c": shared})
        assert a is b is kwds["c"]
        assert pool.apply(same, [1, 2]) == ((1, 2), {})
        function, other = pool.apply(same, (one, shared.append))[0]
        assert function is one and other.__self__ == [1]


@pytest.mark.parametrize("when", ["before", "between"])
def test_a_pickler_of_the_programs_own(impl: ModuleType, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """It sees the calls that come after it was put there."""
    seen: list[str] = []

    class Own(multiprocessing.reduction.ForkingPickler):
        @classmethod
        def dumps(cls, obj: Any, protocol: Any = None) -> Any:
            seen.append(repr(obj))
            return super().dumps(obj, protocol)

    with impl.get_context("fork").Pool(1) as pool:
        if when == "between":
            assert pool.apply(one) == 1
        monkeypatch.setattr(multiprocessing.reduction, "ForkingPickler", Own)
        if impl is multiprocessing:
            monkeypatch.setattr(multiprocessing.connection, "_ForkingPickler", Own)
        assert pool.apply(one) == 1
        monkeypatch.undo()
        assert pool.apply(one) == 1
    assert len([words for words in seen if "function one" in words]) == 1
