"""The table of suites: which test modules of CPython, and which names are hasten's while they run."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    begun: bool = False  # tests are lost yet: run when it is named only, and by neither choice of the gate
    borrow: bool = False  # take the tests from another version where the interpreter's install lacks them


def shared_memory(method: str) -> Suite:
    """Blocks and lists in multiprocessing's suite for one start method, over the stdlib's multiprocessing."""
    module = f"test_multiprocessing_{method}"
    part = ("*SharedMemory*", "*shared_memory*")
    return Suite(f"shared_memory_{method}", module, SHARED_MEMORY, start_method=method, part=part)


def multiprocessing(method: str) -> Suite:
    """All of multiprocessing's suite for one start method."""
    module = f"test_multiprocessing_{method}"
    return Suite(f"mp_{method}", module, MULTIPROCESSING, SHARED_MEMORY, start_method=method, begun=True)


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
            # The process pool is the interpreter's own; one start method shows that it works with ours.
            besides=("*ProcessPoolSpawn*", "*ProcessPoolForkserver*"),
            borrow=True,
        ),
        *map(shared_memory, ("fork", "spawn", "forkserver")),
        *map(multiprocessing, ("fork", "spawn", "forkserver")),
        Suite(
            "mp_main_handling",
            "test_multiprocessing_main_handling",
            MULTIPROCESSING,
            SHARED_MEMORY,
            begun=True,
        ),
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
