"""Rows of `dummy_threading`: what is left of the primitives' cost where no thread ever waits.

The standard library has no such module any more: its side is `threading`, with real threads.
"""

from __future__ import annotations

from bench.cases import Suite, module, placed
from bench.rows.threading.crowds import Starts
from bench.suites.threading import PRIMITIVES, THREAD_ALONE

SUITE = Suite(
    name="dummy_threading",
    implementations=(module("stdlib", "threading"), module("hasten", "hasten.dummy_threading")),
    cases=(*PRIMITIVES, THREAD_ALONE, *placed(Starts, "start + join")),
)
