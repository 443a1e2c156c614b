"""Rows of `process_pool`: ProcessPoolExecutor."""

from __future__ import annotations

from stress.process_pool_kills import stress
from stress.process_pool_soak import soak

from bench.cases import Suite, module, placed
from bench.rows.futures.processes import Arrays, Calls, FirstResult, OneByOne, Reused

SUITE = Suite(
    name="process_pool",
    about="Calls that do nothing, so all that is measured is how they go there and back.",
    implementations=(
        module("stdlib", "concurrent.futures"),
        module("hasten", "hasten.futures"),
        module("loky", "loky"),
        module("multiprocessing.Pool", "multiprocessing"),
    ),
    cases=(
        Calls("20k submit + result"),
        Calls("100k submit + result", count=100_000, most_rounds=10),
        *placed(OneByOne, "submit().result()"),
        Calls("20k submitted, as_completed", way="in_order_of_end"),
        Calls("map of 20k", way="mapped"),
        OneByOne("1 MB bytes, argument and result", size=1_000_000),
        Arrays("1 MB array, argument and result", size=1_000_000),
        FirstResult("first result, spawn"),
        Reused("an executor again, one result"),
    ),
    soak=soak,
    stress=stress,
    stress_kills=True,
    stress_of_ours=True,
    packages=("hasten-futures", "hasten-multiprocessing"),
    imports="hasten.futures",
)
