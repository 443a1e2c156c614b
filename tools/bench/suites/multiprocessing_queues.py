"""Rows of `multiprocessing.queues`."""

from __future__ import annotations

from stress.multiprocessing_kills import stress

from bench.cases import Suite, module
from bench.rows.multiprocessing.queue_peers import PROCESS_QUEUES
from bench.rows.multiprocessing.queues import Arrays, RoundTrip, Stream, Working

TUPLE = (1, "abc", 2.5)
KIB = 1 << 10

SUITE = Suite(
    name="multiprocessing_queues",
    about=(
        "From queue to queue, a producer and a consumer in processes of their own.  `10 us of work on each "
        "side` is the row that is nearest to a program."
    ),
    implementations=(
        module("stdlib", "multiprocessing.queues"),
        module("hasten", "hasten.multiprocessing.queues"),
        *PROCESS_QUEUES,
    ),
    cases=(
        Stream("int", 5),
        Stream("small tuple", TUPLE),
        Stream("1 KiB bytes", b"x" * KIB),
        Stream("small tuple, maxsize=8", TUPLE, maxsize=8),
        Stream("small tuple, 4 producers", TUPLE, producers=4),
        Working("small tuple, 10 us of work on each side"),
        RoundTrip("round trip, one CPU", 1),
        RoundTrip("round trip, two CPUs", 2),
        Stream("SimpleQueue small tuple", TUPLE, kind="SimpleQueue"),
        RoundTrip("SimpleQueue round trip, one CPU", 1, kind="SimpleQueue"),
        Arrays("array 1 KiB", KIB),
        Arrays("array 16 KiB", 16 * KIB),
        Arrays("array 64 KiB", 64 * KIB),
        Arrays("array 256 KiB", 256 * KIB),
        Arrays("array 1 MiB", KIB * KIB),
        Arrays("array 16 MiB", 16 * KIB * KIB, most_rounds=20),
        Arrays("array 64 MiB", 64 * KIB * KIB, most_rounds=10),
    ),
    stress=stress,
    stress_kills=True,
    packages=("hasten-multiprocessing",),
    imports="hasten.multiprocessing.queues",
)
