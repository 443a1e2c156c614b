"""Rows of `multiprocessing`'s locks, conditions, events and barriers."""

from __future__ import annotations

from bench.cases import Suite, module, placed
from bench.rows.multiprocessing.locks import (
    AcquireRelease,
    Create,
    IsSet,
    Together,
    With,
    barrier,
    condition,
    contended,
    semaphore,
)

SUITE = Suite(
    name="multiprocessing_locks",
    about=(
        "`acquire, release` is C in the standard library, too: the call takes most of the time.  A lock of "
        "ours also names its holder, so that it can be taken over from one that was killed."
    ),
    packages=("multiprocessing",),
    imports="hasten.multiprocessing.synchronize",
    implementations=(
        module("stdlib", "multiprocessing.synchronize"),
        module("hasten", "hasten.multiprocessing.synchronize"),
    ),
    cases=(
        AcquireRelease("acquire, release"),
        With("with lock"),
        IsSet("Event.is_set"),
        Create("create a lock"),
        *placed(Together, "with lock, two processes", game=contended),
        *placed(Together, "Semaphore round trip", game=semaphore),
        *placed(Together, "Condition round trip", game=condition),
        *placed(Together, "Barrier", game=barrier),
    ),
)
