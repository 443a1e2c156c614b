"""A fixture that fails a test which leaves something running, open or named behind.

Looked at: child processes, threads (the operating system's, so those Python does not know count too),
file descriptors, and named blocks in /dev/shm.  It applies itself to every test.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

GRACE = 5.0  # seconds: the kernel reaps a thread and closes a socket a moment after Python is done with it
SHM = Path("/dev/shm")
OUR_BLOCKS = ("hasten", "psm_", "sem.mp-", "pym-")
# Processes that the stdlib's multiprocessing starts once and keeps until the interpreter ends
KEPT_PROCESSES = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")

Found = dict[tuple[object, ...], str]


def descendants(pid: int) -> list[int]:
    """Children, zombies too, and theirs: as the kernel lists them, for psutil looks through all processes."""
    if not os.path.exists("/proc/thread-self/children"):
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    found = []
    for told in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in told.read_text().split()]
        except OSError:
            continue  # the thread has ended, and its children are another's now
        for child in children:
            found += [child, *descendants(child)]
    return found


def children() -> Found:
    found: Found = {}
    for pid in descendants(os.getpid()):
        try:
            process = psutil.Process(pid)
            told = f"process {pid} ({process.status()}): {' '.join(process.cmdline())[:200]}"
        except psutil.ZombieProcess:  # a NoSuchProcess too, and that is just what it is not to us
            told = f"process {pid} (zombie)"
        except psutil.NoSuchProcess:
            continue
        if not any(name in told for name in KEPT_PROCESSES):
            found["process", pid] = told
    return found


def threads() -> Found:
    """Those Python does not know are only counted: faulthandler's watchdog is another one in each test."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    found: Found = {}
    unknown = 0
    for thread in psutil.Process().threads():
        if thread.id in names:
            found["thread", thread.id] = f"thread {thread.id} ({names[thread.id]})"
        else:
            unknown += 1
            found["unknown thread", unknown] = f"a thread that threading does not know, such as {thread.id}"
    return found


def descriptors() -> Found:
    """By number and target: a number that now means something else is a leftover too."""
    found: Found = {}
    kept = descriptors_of_kept_processes()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the descriptor of the listing itself
        if int(name) not in kept:
            found["fd", name, target] = f"file descriptor {name} -> {target}"
    return found


def descriptors_of_kept_processes() -> set[int | None]:
    kept: set[int | None] = set()
    tracker = sys.modules.get("multiprocessing.resource_tracker")
    server = sys.modules.get("multiprocessing.forkserver")
    if tracker is not None:
        kept.add(getattr(tracker._resource_tracker, "_fd", None))
    family = sys.modules.get("hasten.shared_memory._family")  # kept from the first block, or fork, on
    kept.update(family.held() if family is not None else ())
    requests = sys.modules.get("hasten.multiprocessing._start._requests")
    kept.update(requests.held() if requests is not None else ())
    arenas = sys.modules.get("hasten.multiprocessing._arena._arena")  # kept from the first lock on
    kept.update(arenas.held() if arenas is not None else ())
    if server is not None:
        kept.add(getattr(server._forkserver, "_forkserver_alive_fd", None))
    return kept


def blocks() -> Found:
    if not SHM.is_dir():
        return {}
    names = (entry.name for entry in SHM.iterdir())
    return {("shm", name): f"{SHM / name}" for name in names if name.startswith(OUR_BLOCKS)}


def used_elsewhere(block: str) -> bool:
    """Does a process that is none of ours have it mapped or open?  Then another test run made it."""
    try:
        found = os.stat(block)
    except OSError:
        return True
    # as /proc/PID/maps has them; the number alone may be another file's, of another device
    inode = f" {os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x} {found.st_ino} "
    family = {os.getpid(), *(p.pid for p in psutil.Process().children(recursive=True))}
    for process in psutil.process_iter():
        if process.pid in family:
            continue
        try:
            # by its number: a block that got its name only when it was open is shown without one
            if inode in Path(f"/proc/{process.pid}/maps").read_text():
                return True
        except OSError:
            continue  # it ended, or is not ours to look at
    return False


def everything() -> Found:
    found = {**children(), **threads(), **blocks()}
    if os.path.isdir("/proc/self/fd"):
        found.update(descriptors())
    return found


def new_since(before: Found) -> Found:
    now = everything()
    return {key: told for key, told in now.items() if key not in before}


def of_another_run(told: str) -> bool:
    """A block that is used elsewhere, or that is gone by the time one has looked."""
    return told.startswith(str(SHM)) and (used_elsewhere(told) or not Path(told).exists())


def leftovers(before: Found, grace: float = GRACE) -> list[str]:
    """What is there now and was not before, once *grace* seconds have not made it go away.

    A block that appears only during the grace is another run's.
    """
    until = time.monotonic() + grace
    pause = 0.001
    first = left = new_since(before)
    while left:
        gc.collect()
        if time.monotonic() >= until:
            return sorted(told for told in left.values() if not of_another_run(told))
        time.sleep(pause)
        pause = min(pause * 2, 0.1)
        left = {key: told for key, told in new_since(before).items() if key in first or key[0] != "shm"}
    return []


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    before = everything()
    yield
    left = leftovers(before)
    if left:
        pytest.fail("the test left behind:\n  " + "\n  ".join(left), pytrace=False)


@pytest.fixture(autouse=True, scope="session")
def nothing_left_at_the_end() -> Iterator[None]:
    """The same for the whole session, which also sees what a fixture of a wider scope has left."""
    before = everything()
    yield
    left = leftovers(before)
    if left:
        pytest.fail("the session left behind:\n  " + "\n  ".join(left), pytrace=False)
