"""Rows of `multiprocessing.connection`: messages, looking for them, and streams."""

from __future__ import annotations

from bench.cases import Suite, module, placed
from bench.rows.multiprocessing.connections import Looking, OneProcess, RoundTrip, Stream

KB, MB = 1 << 10, 1 << 20

SUITE = Suite(
    name="connections",
    about=(
        "What is left of a small message is the kernel's copy, and its switch from process to process.  In "
        "rows with *shm* ours is a `Pipe(shm=True)`."
    ),
    packages=("hasten-multiprocessing",),
    imports="hasten.multiprocessing.connection",
    implementations=(
        module("stdlib", "multiprocessing.connection"),
        module("hasten", "hasten.multiprocessing.connection"),
    ),
    cases=(
        OneProcess("send + recv a tuple"),
        OneProcess("send + recv 100 bytes", message=b"x" * 100, raw=True),
        Looking("poll()"),
        Looking("wait() for two", both=True),
        *placed(RoundTrip, "round trip to a child"),
        OneProcess("send + recv a tuple, shm", shm=True),
        *placed(RoundTrip, "round trip to a child, shm", shm=True),
        # By size: once it has freed 16 MB, malloc keeps memory, and what is smaller costs the standard
        # library a third of what it costs a program that has no such messages.
        Stream("1 KB messages from a child", size=KB),
        Stream("32 KB messages from a child", size=32 * KB),
        Stream("200 KB messages from a child", size=200 * KB),
        Stream("200 KB messages from a child, shm", size=200 * KB, shm=True),
        Stream("200 KB messages from a child, one way", size=200 * KB, duplex=False),
        Stream("1 MB messages from a child", size=MB),
        Stream("1 MB messages from a child, shm", size=MB, shm=True),
        Stream("16 MB messages from a child", size=16 * MB),
        Stream("16 MB messages from a child, shm", size=16 * MB, shm=True),
    ),
)
