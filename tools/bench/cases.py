"""What a row of the benchmark is, and what a suite of rows is.

A new module gets one file in `suites/` that defines SUITE: its implementations (how to import each side) and
its cases. For every sample the sampler calls, on a fresh state,

    state = case.setup(module)              not timed; `module` is what the side's load() returned
    elapsed, outcome = case.run(state, n)   n operations; the case reads the clock around its inner loop only
    case.verify(state, n, outcome)          not timed; raises WrongResult unless all arrived as it should

This file runs under the measured interpreter: syntax of Python 3.9.
"""

from __future__ import annotations

import importlib
import os
import sysconfig
from dataclasses import dataclass
from random import Random
from typing import Any, Callable

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


class WrongResult(Exception):
    """An implementation transported something else than it was given."""


class NotOffered(Exception):
    """An implementation has nothing to measure in this row."""


class NotMeasurable(Exception):
    """This sample says nothing, for instance because its threads did not overlap."""


@dataclass(frozen=True)
class Implementation:
    """One side of the comparison. load() imports it and raises ImportError where it is not installed."""

    name: str
    load: Callable[[], Any]


def module(name: str, import_name: str) -> Implementation:
    """An implementation that is simply a module."""
    return Implementation(name, lambda: importlib.import_module(import_name))


@dataclass
class Case:
    """One row. Subclasses say what is run; the fields say how the row is sampled and reported.

    equal_work: all sides do the same number of operations, as is fair where the depth of a queue depends on
    it; otherwise each side gets as many as fill one sample. Where several threads take part, `pinned` puts
    the process on one CPU for the whole row.
    """

    name: str
    pinned: bool = False
    equal_work: bool = False
    factor: bool = False  # the row's value is a factor (higher is better), not a time
    unit: str = "ns"  # of the row's value, where that is neither a factor nor a time: "bytes", "threads"
    most_rounds: int = 1000  # for a row whose samples take long and hardly differ
    free_threaded_only: bool = False

    def setup(self, module: Any) -> Any:
        return module

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        raise NotImplementedError(f"{type(self).__name__} must define run()")

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} must define verify()")

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        """What one sample is worth: nanoseconds per operation unless a case says otherwise."""
        return elapsed / n

    def unavailable(self) -> str | None:
        """Why this row cannot be measured here, or None."""
        if self.free_threaded_only and not FREE_THREADED:
            return "needs a free-threaded build"
        if self.pinned and not hasattr(os, "sched_setaffinity"):
            return "this platform cannot pin a process to a CPU"
        return None


def placed(kind: type[Case], name: str, **fields: Any) -> list[Case]:
    """The row on one CPU and wherever the system puts its threads and processes: waiting costs up to ten
    times more across CPUs.
    """
    return [kind(f"{name}, pinned", pinned=True, **fields), kind(f"{name}, unpinned", **fields)]


@dataclass(frozen=True)
class Suite:
    """The rows of one module. The first two implementations are the stdlib and hasten; the rest are peers.

    soak(module, operations, note) works the module hard; it calls note() now and then, which records memory.
    stress(module) gives the games of a stress by name; see stressing.py.
    """

    name: str
    implementations: tuple[Implementation, ...]
    cases: tuple[Case, ...]
    packages: tuple[str, ...] = ()  # what has to be installed; by default the package of the suite's name
    imports: str = ""  # the module that shows it; by default hasten.NAME
    about: str = ""  # what a reader of the table has to know, in markdown
    soak: Callable[[Any, int, Callable[[], None]], int] | None = None
    stress: Callable[[Any], dict[str, Callable[[Random], int]]] | None = None
    stress_kills: bool = False  # what its games count is processes that were killed
    stress_of_ours: bool = False  # its games ask for what the first implementation does not have

    @property
    def baseline(self) -> str:
        return self.implementations[0].name

    @property
    def candidate(self) -> str:
        return self.implementations[1].name

    @property
    def peers(self) -> frozenset[str]:
        return frozenset(each.name for each in self.implementations[2:])


def expect(condition: bool, message: str) -> None:
    """Raise WrongResult with this message unless the condition holds."""
    if not condition:
        raise WrongResult(message)
