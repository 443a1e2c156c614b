"""What the servers of managers make, and what children do with proxies."""

from __future__ import annotations

import multiprocessing
import os
import queue
import resource
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any


class Thing:
    def __init__(self, number: Any) -> None:
        self._number = number if isinstance(number, int) else number.number() + 0

    def number(self) -> int:
        return self._number

    def child(self) -> Thing:
        return Thing(self._number + 1)

    def fail(self, text: str) -> None:
        raise ZeroDivisionError(text)

    def leave(self) -> None:
        sys.exit(3)

    def unpicklable(self) -> Any:
        return lambda: 0

    def _hidden(self) -> None:
        pass


def counting(end: int) -> Iterator[int]:
    at = 0
    while at < end:
        sent = yield at
        at = at + 1 if sent is None else sent + 1
        end = max(end, at + 2 if sent is not None else end)


_queue: queue.Queue[Any] = queue.Queue()


def the_queue() -> Any:
    return _queue


def manager_of(managers: Any, *names: str) -> Any:
    """A class of managers that makes what is asked for."""

    class Manager(managers.BaseManager):
        pass

    if "thing" in names:
        Manager.register("thing", Thing, method_to_typeid={"child": "thing"})
    if "counting" in names:
        Manager.register("counting", counting, managers.IteratorProxy)
    if "inside" in names:
        Manager.register("inside", Inside)
    return Manager


def double(number: int) -> int:
    return 2 * number


def fail_now() -> None:
    raise ZeroDivisionError


def use(proxy: Any, results: Any) -> None:
    proxy["child"] = os.getpid()
    results.put(proxy.copy())


def serve(server: Any) -> None:
    server.serve_forever()


class Inside:
    """What a server tells of itself."""

    def _server(self) -> Any:
        return multiprocessing.current_process()._manager_server  # type: ignore[attr-defined]

    def connections(self) -> int:
        return len(self._server()._connections)

    def exchanges(self) -> int:
        return len(self._server()._exchanges)

    def descriptors(self) -> int:
        return len(os.listdir("/proc/self/fd"))

    def take_all_descriptors(self) -> None:
        """All that are left of a few."""
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._taken: list[int] = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(self._limits[0], 200), self._limits[1]))
        try:
            while True:
                self._taken.append(os.dup(0))
        except OSError:
            pass

    def give_descriptors_back(self) -> None:
        for descriptor in self._taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, self._limits)

    def unpicklable(self) -> Any:
        return lambda: 0

    def echo(self, obj: Any) -> Any:
        return obj

    def end(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def fail(self, text: str) -> None:
        raise ZeroDivisionError(text)

    def wait(self) -> None:
        threading.Event().wait()


def have_folders_in(place: str) -> None:
    """From now on this process's temporary files and folders are in that one."""
    tempfile.tempdir = place
