"""Rows of `subprocess`: starts, megabytes through pipes, and waiting."""

from __future__ import annotations

from stress.subprocess_soak import soak

from bench.cases import Suite, module, placed
from bench.rows.subprocess.pipes import Transfer
from bench.rows.subprocess.starts import C_FLOOR, Concurrent, LargeParent, Runs
from bench.rows.subprocess.waits import Notice, Switches

TEXT = b"to and fro, to and fro\n" * 40

SUITE = Suite(
    name="subprocess",
    about=(
        "Starting a program is the kernel's work: a C program that does nothing but vfork, exec and wait "
        "takes more than half of our time for a static binary.  Large outputs into fresh memory are the "
        "kernel's too, page by page (`capture_output of 10 MB`); a program that captures again and again "
        "into memory that it has used before takes a fourth of the time."
    ),
    implementations=(module("stdlib", "subprocess"), module("hasten", "hasten.subprocess"), C_FLOOR),
    cases=(
        *placed(Runs, "run a static binary"),
        *placed(Runs, "run a static binary, capture_output", words=("hello",), output=b"hello\n"),
        Runs("run(['true'])", words=("true",), ours=False),
        Runs("run(['cat'], input, capture_output)", words=("cat",), ours=False, sent=TEXT, output=TEXT),
        Concurrent("200 children at once, start and wait"),
        LargeParent("start from a parent of 4 GB"),
        LargeParent("start from a parent of 4 GB, time", unit="ns"),
        Transfer("feed 10 MB, capture_output", way="feed"),
        Transfer("feed 10 MB, nothing captured", way="feed", captured=False),
        Transfer("10 MB both ways"),
        Transfer("64 MB both ways", megabytes=64),
        Transfer("capture_output of 10 MB", way="capture"),
        Transfer("capture_output of 64 MB", way="capture", megabytes=64),
        Transfer("capture_output of 10 MB as text", way="capture", text=True),
        Notice("wait(timeout), after the child's end"),
        Switches("wait(timeout), context switches"),
    ),
    soak=soak,
)
