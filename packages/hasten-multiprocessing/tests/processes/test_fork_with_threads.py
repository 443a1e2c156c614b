"""Children that are forked while other threads hold what the child will need."""

from __future__ import annotations

import gc
import io
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.process_targets import nothing
from support.signalling import until_asleep

import hasten.multiprocessing

CONTEXT = hasten.multiprocessing.get_context("fork")


class Slow(io.FileIO):
    """A file in whose write() a thread stays until it is let go: it sleeps, or it runs."""

    def __init__(self, fd: int, runs: bool) -> None:
        super().__init__(fd, "w", closefd=False)
        self.owner = os.getpid()
        self.runs = runs
        self.inside, self.go = threading.Event(), threading.Event()

    def write(self, data: Any) -> int:
        if self.owner == os.getpid() and threading.current_thread() is not threading.main_thread():
            self.inside.set()
            end = time.monotonic() + 30
            while self.runs and not self.go.is_set() and time.monotonic() < end:
                pass
            assert self.go.wait(30)
        return super().write(data) or 0


@pytest.fixture
def nothing_stops_threads() -> Iterator[None]:
    """What stops all threads without a GIL, imports and the collection of garbage, is done before."""
    assert ended(nothing) == 0
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(params=["one-sleeps", "two"])
def held(
    request: pytest.FixtureRequest, nothing_stops_threads: None
) -> Iterator[tuple[io.TextIOWrapper, int]]:
    """A text stream inside of whose buffer another thread is, and the descriptor where it can be read.

    two: A thread runs there, and one waits for it.  Without a GIL fork() stops all threads for a moment:
    the first gives up the lock that the stream has as an object, and the second gets it.
    """
    reader, writer = os.pipe()
    raw = Slow(writer, request.param == "two")
    stream = io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", write_through=True)
    threads = [threading.Thread(target=lambda: (stream.write("the parent's"), stream.flush()))]
    threads[0].start()
    assert raw.inside.wait(30)
    if request.param == "two":
        threads += [threading.Thread(target=stream.flush)]
        threads[1].start()
        until_asleep(os.getpid(), threads[1].native_id)
    yield stream, reader
    raw.go.set()
    for thread in threads:
        thread.join(30)
    assert os.read(reader, 100).endswith(b"the parent's")
    stream.close()
    os.close(writer)
    os.close(reader)


def ended(target: Any) -> Any:
    child = CONTEXT.Process(target=target)
    child.start()
    child.join(20)
    try:
        return child.exitcode
    finally:
        child.kill()
        child.join()
        child.close()


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_stream_that_another_thread_writes_to(
    held: tuple[io.TextIOWrapper, int], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, reader = held

    # This process would wait for the thread before it forks, and never fork in the middle of its write.
    monkeypatch.setattr("multiprocessing.util._flush_std_streams", lambda: None)
    monkeypatch.setattr(sys, name, stream)

    def child() -> None:
        print("the child's", file=getattr(sys, name), flush=True)

    assert ended(child) == 0
    assert os.read(reader, 100) == b"the child's\n"


def test_a_handler_of_logging(held: tuple[io.TextIOWrapper, int]) -> None:
    stream, reader = held
    logger, handler = logging.Logger("one"), logging.StreamHandler(stream)
    logger.addHandler(handler)
    assert ended(lambda: logger.warning("the child's")) == 0
    assert os.read(reader, 100) == b"the child's\n"
    handler.close()


def test_locks_of_logging() -> None:
    logger, handler = logging.Logger("two"), logging.StreamHandler(open(os.devnull, "w"))  # noqa: SIM115
    logger.addHandler(handler)
    inside, go = threading.Event(), threading.Event()

    def hold() -> None:
        handler.acquire()
        inside.set()
        go.wait(30)
        handler.release()

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(30)
    assert ended(lambda: logger.warning("x")) == 0
    go.set()
    thread.join(30)
    handler.stream.close()
    handler.close()


def test_streams_keep_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    stream = open(writer, "w", encoding="latin-1", errors="replace", buffering=1)  # noqa: SIM115
    monkeypatch.setattr(sys, "stdout", stream)
    go = threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()

    def child() -> None:
        print("\xe9\u20ac")  # line buffered
        print((sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering, sys.stdout.mode))
        os._exit(5)

    assert ended(child) == 5
    assert os.read(reader, 100) == b"\xe9?\n('latin-1', 'replace', True, 'w')\n"
    go.set()
    thread.join(30)
    stream.close()
    os.close(reader)
