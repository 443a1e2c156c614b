"""Rows of managers: one body for the standard library's and ours.

A manager shuts its server down when the sample that has made it lets go of it.  Runs under the measured
interpreter: syntax of Python 3.9.
"""

from __future__ import annotations

import multiprocessing
import time
from typing import Any, Callable

from bench.cases import Case, expect

FORK = multiprocessing.get_context("fork")
MADE: dict[str, tuple[Any, ...]] = {"dict": ({"a": 1},), "Value": ("i", 1), "Event": ()}


BY_SOCKET = ("127.0.0.1", 0)  # where the host can't be known to be the same


def started(module: Any, address: Any = None) -> Any:
    manager = module.SyncManager(address, ctx=FORK)
    manager.start()
    return manager


class Calls(Case):
    """A method of a proxy, one call after the other; per call."""

    def __init__(
        self,
        name: str,
        kind: str,
        method: Callable[[Any], Callable[..., Any]],
        args: tuple[Any, ...],
        *,
        expected: Any,
        address: Any = None,
        pinned: bool = False,
    ) -> None:
        super().__init__(name, pinned=pinned)
        self.kind, self.method, self.args, self.expected = kind, method, args, expected
        self.address = address

    def setup(self, module: Any) -> Any:
        manager = started(module, self.address)
        proxy = getattr(manager, self.kind)(*MADE[self.kind])
        for _ in range(100):  # the first opens a connection
            self.method(proxy)(*self.args)
        return manager, proxy

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        method, args, result = self.method(state[1]), self.args, None
        start = time.perf_counter_ns()
        for _ in range(n):
            result = method(*args)
        return time.perf_counter_ns() - start, result

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == self.expected, f"the method has returned {outcome!r}")


class Objects(Case):
    """New objects, each one gone when the next is made; per object."""

    def setup(self, module: Any) -> Any:
        return started(module)

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        start = time.perf_counter_ns()
        for _ in range(n):
            state.list()
        return time.perf_counter_ns() - start, state._number_of_objects()

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == 0, f"{outcome} objects are left")


def touch(proxies: list[Any]) -> None:
    for proxy in proxies:
        proxy.append(1)


class Children(Case):
    """A forked child that has 20 proxies and calls each once; per child."""

    def setup(self, module: Any) -> Any:
        manager = started(module)
        return manager, [manager.list() for _ in range(20)]

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        for proxy in state[1]:
            del proxy[:]
        start = time.perf_counter_ns()
        for _ in range(n):
            child = FORK.Process(target=touch, args=(state[1],))
            child.start()
            child.join()
        return time.perf_counter_ns() - start, {len(proxy) for proxy in state[1]}

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == {n}, f"the lists have {outcome} entries, not {n}")


class Starts(Case):
    """A manager that is started and shut down."""

    def setup(self, module: Any) -> Any:
        return module

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        codes = set()
        start = time.perf_counter_ns()
        for _ in range(n):
            manager = started(state)
            process = manager._process
            manager.shutdown()
            codes.add(process.exitcode)
        return time.perf_counter_ns() - start, codes

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == {0}, f"the servers ended with {outcome}")
