"""Rows of `connections`: messages within one process, to a child and back, and streams from a child."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from bench.cases import Case, expect

SMALL = (1, "abc", 2.5)


@contextmanager
def child(work: Callable[[], Any]) -> Iterator[None]:
    """Run something in a forked child, which has to end well."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    try:
        yield
    finally:
        expect(os.waitpid(pid, 0)[1] == 0, "the child failed")


@dataclass
class PipeCase(Case):
    """shm: ours is a Pipe(shm=True), the standard library's the one that it has."""

    shm: bool = False

    def new_pipe(self, module: Any, duplex: bool = True) -> Any:
        if self.shm and module.__name__.startswith("hasten."):
            return module.Pipe(duplex, shm=True)
        return module.Pipe(duplex)


@dataclass
class OneProcess(PipeCase):
    """A message through a pipe, both ends of it in this process."""

    message: Any = SMALL
    raw: bool = False  # send_bytes and recv_bytes

    def setup(self, module: Any) -> Any:
        return self.new_pipe(module)

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        here, there = state
        send, receive = (here.send_bytes, there.recv_bytes) if self.raw else (here.send, there.recv)
        message, last, turns = self.message, None, range(n)
        begin = perf_counter_ns()
        for _ in turns:
            send(message)
            last = receive()
        return perf_counter_ns() - begin, last

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == self.message, f"{outcome!r:.50} arrived")
        expect(not state[1].poll(), "there is more than was sent")


@dataclass
class Looking(Case):
    """poll() without a timeout, or wait() for two with a timeout of 0, while nothing is there."""

    both: bool = False

    def setup(self, module: Any) -> Any:
        return module, module.Pipe()

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        module, ends = state
        wait, poll, last, turns = module.wait, ends[0].poll, None, range(n)
        begin = perf_counter_ns()
        if self.both:
            for _ in turns:
                last = wait(ends, 0)
        else:
            for _ in turns:
                last = poll()
        return perf_counter_ns() - begin, last

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(not outcome, "something was ready")
        state[1][1].send("something")
        expect(state[1][0].poll() is True, "nothing was ready")


@dataclass
class RoundTrip(PipeCase):
    """A small message to a child, and back."""

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        here, there = self.new_pipe(state)

        def echo() -> None:
            here.close()
            for _ in range(n + 1):
                there.send(there.recv())

        with child(echo), here, there:
            here.send(SMALL)  # the child is there
            last = here.recv()
            turns = range(n)
            begin = perf_counter_ns()
            for _ in turns:
                here.send(SMALL)
                last = here.recv()
            return perf_counter_ns() - begin, last

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == SMALL, f"{outcome!r:.50} came back")


@dataclass
class Stream(PipeCase):
    """Messages of one size, one after the other, from a child."""

    size: int = 1024
    duplex: bool = True

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        receiver, sender = self.new_pipe(state, self.duplex)
        data = b"x" * self.size

        def send() -> None:
            receiver.close()
            for _ in range(n + 1):
                sender.send_bytes(data)

        with child(send), receiver, sender:
            received = len(receiver.recv_bytes())  # the child is there
            turns = range(n)
            begin = perf_counter_ns()
            for _ in turns:
                received += len(receiver.recv_bytes())
            return perf_counter_ns() - begin, received

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == (n + 1) * self.size, f"{outcome} bytes arrived")
