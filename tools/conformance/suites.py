"""The table of suites: which test modules of CPython, and which names are hasten's while they run.

Each suite has a size.  The quick ones take seconds; the gate runs them on every interpreter.  The usual ones
(`--usual`, the quick ones included) it runs on the oldest and on the newest.  The long ones are left to
`HASTEN_CONFORMANCE=full`, `nox -s conformance` and to whoever names them (`--suite`): of multiprocessing that
is all for the three start methods; `mp_main_handling` is usual, and `mp_processes`, a part of `mp_fork`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# An attribute of each module that hasten must define itself, whatever it re-exports.
WITNESSES = {
    "_thread": "start_new_thread",
    "threading": "Thread",
    "queue": "Queue",
    "sched": "scheduler",
    "subprocess": "Popen",
    "concurrent.futures": "Future",
    "multiprocessing": "__getattr__",  # what else it has comes when it is asked for
    "multiprocessing.shared_memory": "SharedMemory",
    "_dummy_thread": "start_new_thread",
    "dummy_threading": "Thread",
}

THREAD = {"_thread": "hasten._thread"}
THREADING = {"threading": "hasten.threading"}
QUEUE = {"queue": "hasten.queue"}
FUTURES = {"concurrent.futures": "hasten.futures"}
MULTIPROCESSING = {"multiprocessing": "hasten.multiprocessing"}
SHARED_MEMORY = {"multiprocessing.shared_memory": "hasten.shared_memory"}


@dataclass(frozen=True)
class Suite:
    """One line of the table."""

    name: str
    module: str  # test module or package, below `test`
    needs: dict[str, str]  # redirected names; the suite is skipped when one of them is not installed
    also: dict[str, str] = field(default_factory=dict)  # redirected too, when installed
    quick: bool = False
    start_method: str = ""  # multiprocessing: the start method to generate the tests for where they lack
    tests_from: str = ""  # take tests and baseline from this Python, whatever version is tested
    besides: tuple[str, ...] = ()  # patterns of tests of the module that are not of the suite
    part: tuple[str, ...] = ()  # patterns of the tests that are the suite; none: all
    long: bool = False  # takes minutes: not among the usual ones, which the gate runs
    needs_gil: bool = False  # what it tests is not claimed for builds without a GIL
    borrow: bool = False  # take the tests from another version where the interpreter's install lacks them


def shared_memory(method: str) -> Suite:
    """Blocks and lists in multiprocessing's suite for one start method, over the stdlib's multiprocessing."""
    module = f"test_multiprocessing_{method}"
    part = ("*SharedMemory*", "*shared_memory*")
    return Suite(f"shared_memory_{method}", module, SHARED_MEMORY, start_method=method, part=part)


def multiprocessing(name: str, module: str, **more: Any) -> Suite:
    """A suite of multiprocessing, with our shared memory where that is installed."""
    return Suite(
        f"mp_{name}", f"test_multiprocessing_{module}", MULTIPROCESSING, SHARED_MEMORY, needs_gil=True, **more
    )


def start_method(method: str) -> Suite:
    """All of multiprocessing's suite for one start method."""
    return multiprocessing(method, method, start_method=method, long=True)


SUITES = {
    suite.name: suite
    for suite in (
        Suite("queue", "test_queue", QUEUE, quick=True),
        Suite("thread", "test_thread", THREAD, quick=True),
        Suite("threading", "test_threading", THREAD, QUEUE | THREADING, quick=True),
        Suite("threading_local", "test_threading_local", THREAD, THREADING, quick=True),
        Suite("sched", "test_sched", {"sched": "hasten.sched"}, quick=True),
        Suite("subprocess", "test_subprocess", {"subprocess": "hasten.subprocess"}),
        Suite(
            "concurrent_futures",
            "test_concurrent_futures",
            FUTURES,
            borrow=True,
        ),
        *map(shared_memory, ("fork", "spawn", "forkserver")),
        *map(start_method, ("fork", "spawn", "forkserver")),
        # Of mp_fork what takes seconds: processes, and what they share; no managers, nothing that waits long.
        multiprocessing(
            "processes",
            "fork",
            start_method="fork",
            part=("*.WithProcessesTest*",),
            besides=("*Manager*", "*SharedMemory*", "*.test_thread_safety", "*.test_many_processes"),
        ),
        multiprocessing("main_handling", "main_handling"),
        Suite(
            "dummy_thread",
            "test_dummy_thread",
            {"_dummy_thread": "hasten._dummy_thread"},
            quick=True,
            tests_from="3.8",
        ),
        Suite(
            "dummy_threading",
            "test_dummy_threading",
            {"dummy_threading": "hasten.dummy_threading"},
            {"_dummy_thread": "hasten._dummy_thread"},
            quick=True,
            tests_from="3.8",
        ),
    )
}
