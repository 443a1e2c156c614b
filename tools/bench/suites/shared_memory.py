"""Rows of `shared_memory`: blocks, lists in blocks, and handles of arrays."""

from __future__ import annotations

from stress.shared_memory_soak import soak
from stress.shared_memory_stress import stress

from bench.cases import Suite, module, placed
from bench.rows.shared_memory.blocks import Attach, Create, First, Handle
from bench.rows.shared_memory.lists import Get, Iterate, Set

SUITE = Suite(
    name="shared_memory",
    about=(
        "Making a block takes five system calls that work on memory or on the directory (open, mmap, "
        "munmap, unlink, the first page), for the standard library too; the same calls in C take most of "
        "our time.  The standard library's resource tracker, a process of its own, works beside it where "
        "there is a second CPU: *pinned* rows count its time, *unpinned* ones do not.  The first named "
        "block of a process starts the watcher: two processes, one after the other, of which the maker "
        "waits for the first; on this machine that alone takes 0.1 to 0.3 ms."
    ),
    implementations=(
        module("stdlib", "multiprocessing.shared_memory"),
        module("hasten", "hasten.shared_memory"),
    ),
    cases=(
        *placed(Create, "create, touch, close, unlink"),
        Create("create, touch, close, unlink; 4 KiB", size=4 << 10),
        Create("create, touch, close, unlink; 1 MiB", size=1 << 20),
        Create("create, touch all, close, unlink", whole=True),
        Create("create, touch all, close, unlink; 1 MiB", size=1 << 20, whole=True),
        Create("create, touch, close, unlink; anonymous", anonymous=True),
        *placed(Attach, "attach, close"),
        First("first create in a process", most_rounds=40),
        First("first create in a process; anonymous", anonymous=True, most_rounds=40),
        Get("ShareableList get int"),
        Get("ShareableList get str", of="str"),
        Set("ShareableList set int"),
        Set("ShareableList set str", of="str"),
        Iterate("ShareableList iteration"),
        Handle("array handle, pickled and back"),
    ),
    soak=soak,
    stress=stress,
    stress_kills=True,
)
