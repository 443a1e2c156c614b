"""Pools of processes, whoever makes them, under one face of four methods.

    submit(function, *args)     a handle of the call
    result(handle, seconds)     what the call returned, or raises what ended it; NoEnd after `seconds`
    workers()                   the process IDs of the workers
    renew()                     a new pool in the place of one that is broken

All have two workers, made by fork(), which is what each of them does by default on Linux up to Python 3.13.
Runs under the measured interpreter: syntax of Python 3.9.
"""

from __future__ import annotations

import abc
import concurrent.futures
import importlib
import multiprocessing
from typing import Any, Callable

WORKERS = 2


class NoEnd(Exception):
    """The call has neither returned nor failed in time."""


class Contender(abc.ABC):
    """A pool.  `make` returns a new one."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make
        self.pool = make()

    def renew(self) -> None:
        self.pool = self.make()

    @abc.abstractmethod
    def submit(self, function: Callable[..., Any], *args: Any) -> Any: ...

    @abc.abstractmethod
    def result(self, handle: Any, seconds: float) -> Any: ...

    @abc.abstractmethod
    def workers(self) -> list[int]: ...


class AsyncPool(Contender):
    """multiprocessing's Pool, and those that look like it."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self.pool.apply_async(function, args)

    def result(self, handle: Any, seconds: float) -> Any:
        try:
            return handle.get(seconds)
        except Exception as error:
            if type(error).__name__ == "TimeoutError" and not handle.ready():
                raise NoEnd from None
            raise

    def workers(self) -> list[int]:
        return [process.pid for process in list(self.pool._pool)]


class Executor(Contender):
    """concurrent.futures' ProcessPoolExecutor, and those that look like it."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self.pool.submit(function, *args)

    def result(self, handle: Any, seconds: float) -> Any:
        done, _ = concurrent.futures.wait([handle], seconds)
        if not done:
            raise NoEnd
        return handle.result()

    def workers(self) -> list[int]:
        return list(self.pool._processes or ())


class Pebble(Executor):
    """pebble's ProcessPool."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self.pool.schedule(function, args=args)

    def workers(self) -> list[int]:
        return list(self.pool._pool_manager.worker_manager.workers)


def _pool(module: str) -> Callable[[], Contender]:
    def build() -> Contender:
        package = importlib.import_module(module)
        fork = package.get_context("fork")
        return AsyncPool(lambda: fork.Pool(WORKERS))

    return build


def _executor(module: str, **options: Any) -> Callable[[], Contender]:
    def build() -> Contender:
        kind = importlib.import_module(module).ProcessPoolExecutor
        fork = multiprocessing.get_context("fork")
        return Executor(lambda: kind(WORKERS, mp_context=fork, **options))

    return build


def _loky() -> Contender:
    loky = importlib.import_module("loky")
    return Executor(lambda: loky.ProcessPoolExecutor(WORKERS))


def _pebble() -> Contender:
    pebble = importlib.import_module("pebble")
    fork = multiprocessing.get_context("fork")
    return Pebble(lambda: pebble.ProcessPool(max_workers=WORKERS, context=fork))


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "stdlib Pool": _pool("multiprocessing"),
    "billiard Pool": _pool("billiard"),
    "hasten Pool": _pool("hasten.multiprocessing"),
    "stdlib ProcessPoolExecutor": _executor("concurrent.futures"),
    "loky": _loky,
    "pebble": _pebble,
    "hasten ProcessPoolExecutor": _executor("hasten.futures"),
    "hasten, on_crash=fail-task": _executor("hasten.futures", on_crash="fail-task"),
    "hasten, on_crash=retry": _executor("hasten.futures", on_crash="retry"),
}
