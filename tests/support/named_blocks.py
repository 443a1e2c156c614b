"""Named blocks and the watchers that remove them, as the system shows them."""

from __future__ import annotations

import os
from pathlib import Path

from support.tasks import until


def watchers() -> set[int]:
    """The watchers of all families that run on this machine."""
    found = set()
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and Path(f"/proc/{name}/comm").read_text() == "hasten-shm\n":
                found.add(int(name))
        except OSError:
            continue  # it has ended
    return found


def line_of(pid: int) -> str:
    """The pipe that a watcher reads."""
    return os.readlink(f"/proc/{pid}/fd/3")


def watchers_of(pid: int) -> set[int]:
    """Those of the families that the process is of."""
    folder = f"/proc/{pid}/fd"
    pipes = {os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder) if os.path.lexists(f"{folder}/{fd}")}
    found = set()
    for watcher in watchers():
        try:
            if line_of(watcher) in pipes:
                found.add(watcher)
        except OSError:
            continue
    return found


def exists(name: str) -> bool:
    """Is there a block of this name?"""
    return os.path.exists(f"/dev/shm/{name}")


def until_gone(*names: str) -> None:
    """Return when there is no block of any of these names; fail when that does not come soon."""
    until(lambda: not any(map(exists, names)), 10)


def watcher_of(pid: int) -> int:
    """The one watcher of the process's family; it may just be starting."""
    until(lambda: watchers_of(pid), 10)
    (watcher,) = watchers_of(pid)
    return watcher
