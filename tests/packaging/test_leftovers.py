"""The fixture that applies itself to every test: what it sees, and what it lets pass."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from multiprocessing import shared_memory

import pytest
from support import leftovers


@pytest.fixture
def no_blocks(monkeypatch, tmp_path):
    """Named blocks are looked for where no other test run makes and drops its own."""
    monkeypatch.setattr(leftovers, "SHM", tmp_path)


@pytest.fixture
def left():
    """What is left since the test began; asked without patience, because the test holds it open."""
    before = leftovers.everything()
    return lambda: leftovers.leftovers(before, grace=0)


def test_nothing(no_blocks, left):
    assert left() == []


def test_a_thread(no_blocks, left):
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="forgotten")
    thread.start()
    (told,) = left()
    assert "(forgotten)" in told
    end.set()
    thread.join()


def test_a_process(left):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    told = left()
    assert any(line.startswith(f"process {process.pid}") for line in told)
    process.communicate(b"\n")
    assert leftovers.children() == {}


def test_a_zombie(no_blocks, left):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it has ended; nobody has taken its status
    (told,) = left()
    assert told.startswith(f"process {pid} (zombie)")
    os.waitpid(pid, 0)


def test_a_descriptor(no_blocks, left):
    one, other = socket.socketpair()
    assert len(left()) == 2
    one.close()
    other.close()


def test_a_descriptor_that_means_something_else_now(no_blocks, left):
    null = os.open(os.devnull, os.O_RDONLY)
    before = leftovers.everything()
    os.dup2(0, null)
    same_target = os.readlink("/proc/self/fd/0") == os.devnull
    assert bool(leftovers.leftovers(before, grace=0)) is not same_target
    os.close(null)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_block_of_shared_memory(left):
    block = shared_memory.SharedMemory(create=True, size=10)
    name = block.name
    block.close()
    assert f"/dev/shm/{name}" in left()
    block.unlink()
    assert not any(name in told for told in left())


def test_blocks_that_another_run_makes_and_drops_all_the_time():
    over, turning = threading.Event(), threading.Event()

    def churn():
        while not over.is_set():
            block = shared_memory.SharedMemory(create=True, size=1)
            block.close()
            block.unlink()
            turning.set()

    other = threading.Thread(target=churn)
    other.start()
    try:
        assert turning.wait(30)
        before = leftovers.everything()
        assert leftovers.leftovers(before, grace=30) == []
    finally:
        over.set()
        other.join()
