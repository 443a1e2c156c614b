"""Rows of `pool`: multiprocessing's Pool and ThreadPool."""

from __future__ import annotations

from bench.cases import Suite, module
from bench.rows.multiprocessing.pools import PoolArrays, PoolCalls

SUITE = Suite(
    name="pool",
    about="Two workers and calls that do nothing, so all that is measured is how they go there and back.",
    packages=("multiprocessing",),
    imports="hasten.multiprocessing.pool",
    implementations=(module("stdlib", "multiprocessing"), module("hasten", "hasten.multiprocessing")),
    cases=(
        PoolCalls("20k apply_async + get"),
        PoolCalls("imap of 20k, chunks of 1", way="one_by_one"),
        PoolCalls("map of 20k", way="mapped"),
        PoolArrays("map of arrays of 1 MB"),
        PoolCalls("ThreadPool, 20k apply_async + get", threads=True),
    ),
)
