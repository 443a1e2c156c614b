"""What the walks share.  Each runs over the standard library too: that validates the walk itself."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from support.public_names import HASTEN, MODULES, SIDES, STDLIB, Side

# Modules that exist, on our side too, only where the interpreter has what they are made of
NEWER = {"hasten.futures.interpreter": (3, 14)}


def is_there(name: str) -> bool:
    """A distribution that is not installed is none; one that does not import is a failure of its own."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


def modules_of(side: Side) -> list[str]:
    there = [name for name in MODULES if sys.version_info >= NEWER.get(name, (3,))]
    return [name for name in there if side is STDLIB or is_there(name)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The fixtures `side` and `ours` (the name of one of our modules, also for what it stands for)."""
    if {"side", "ours"} <= set(metafunc.fixturenames):
        pairs = [(side, name) for side in SIDES.values() for name in modules_of(side)]
        ids = [f"{side.name}-{name if side is HASTEN else MODULES[name]}" for side, name in pairs]
        metafunc.parametrize(("side", "ours"), pairs, ids=ids)
    elif "side" in metafunc.fixturenames:
        metafunc.parametrize("side", list(SIDES.values()), ids=list(SIDES))


class Faults(list):  # type: ignore[type-arg]
    """Collected, so that one run shows all names that are wrong."""

    def check(self, right: Any, message: str) -> None:
        if not right:
            self.append(message)

    def compare(self, what: str, got: object, expected: object) -> None:
        self.check(got == expected, f"{what} is {got!r}, expected {expected!r}")


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """A test with faults fails, also one that met an error before its end."""
    found = pyfuncitem.funcargs.get("faults")
    try:
        return (yield)
    finally:
        if found:
            pytest.fail(f"{len(found)} faults:\n  " + "\n  ".join(found), pytrace=False)


@pytest.fixture
def is_stdlib(side: Side) -> bool:
    return side is STDLIB
