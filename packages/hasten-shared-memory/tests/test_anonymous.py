"""Anonymous blocks: no name, nothing to leave behind, passed on by descriptor."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

METHODS = ["fork", "spawn", "forkserver"]


@pytest.fixture
def shm(ours: Any, made: list[Any]) -> Any:
    made.append(ours.SharedMemory(anonymous=True, size=5000))
    return made[0]


def test_what_it_is(shm: Any) -> None:
    before = set(os.listdir("/dev/shm"))
    shm.buf[4999] = 1
    assert (shm.name, shm.size, len(shm.buf)) == ("", 5000, 5000)
    assert repr(shm) == "SharedMemory(anonymous, size=5000)"
    assert set(os.listdir("/dev/shm")) == before
    shm.unlink()
    shm.unlink()
    shm.close()
    shm.close()
    assert shm.buf is None


def test_create_may_be_said_too(ours: Any) -> None:
    shm = ours.SharedMemory(create=True, size=10, anonymous=True)
    assert shm.name == ""
    shm.close()


def test_it_is_not_bound_by_the_directory(ours: Any) -> None:
    """The file system of named blocks may be small; pages come as they are used."""
    shm = ours.SharedMemory(anonymous=True, size=1 << 30)
    shm.buf[(1 << 30) - 1] = 1
    assert os.fstat(shm._fd).st_blocks * 512 < 1 << 20
    shm.close()


def test_a_closed_one_is_not_passed_on(shm: Any) -> None:
    shm.close()
    with pytest.raises(ValueError, match="closed"):
        pickle.dumps(shm)


PASSING = """
import multiprocessing as mp, sys
import hasten.shared_memory as m

class Mine(m.SharedMemory):
    pass

def double(shm, line, items):
    shm.buf[0] *= 2
    line.send((shm.size, type(shm).__name__))
    other = line.recv()
    other.buf[1] = 7
    line.send(other)
    third = items.get()
    third.buf[2] = 8
    line.send("done")
    line.recv()

if __name__ == "__main__":
    ctx = mp.get_context(sys.argv[1])
    here, there = ctx.Pipe()
    items = ctx.Queue()
    shm = Mine(anonymous=True, size=100)
    shm.buf[0] = 21
    child = ctx.Process(target=double, args=(shm, there, items))
    child.start()
    print(*here.recv(), shm.buf[0])
    here.send(shm)
    back = here.recv()
    print(back.buf[1], shm.buf[1], back.name == "")
    items.put(shm)
    print(here.recv(), shm.buf[2])
    here.send(None)
    child.join()
    print(child.exitcode)
"""


@pytest.mark.parametrize("method", METHODS)
def test_as_argument_through_a_pipe_and_through_a_queue(tmp_path: Path, method: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(PASSING)
    done = subprocess.run(
        [sys.executable, str(program), method],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.stdout == "100 Mine 42\n7 7 True\ndone 8\n0\n"
    assert done.stderr == ""


def test_failed_receiving_closes_the_descriptor(shm: Any) -> None:
    from hasten.shared_memory import _passing

    class Duplicate:
        def detach(self) -> int:
            return os.open("/dev/shm", os.O_RDONLY)

    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError):
        _passing.rebuild(type(shm), Duplicate())
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_gone_with_the_last_process(ours: Any) -> None:
    """Memory of a killed family is free again: there is no name to find it by."""
    code = (
        "import os, signal, hasten.shared_memory as m\n"
        "s = m.SharedMemory(anonymous=True, size=1 << 20); s.buf[:] = bytes(1 << 20)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    before = named()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (-9, b"")
    assert named() <= before


def named() -> set[str]:
    """The blocks that have a name; semaphores are of other tests, which run at the same time."""
    return {name for name in os.listdir("/dev/shm") if not name.startswith("sem.")}


def test_fork_shares_it(shm: Any) -> None:
    pid = os.fork()
    if pid == 0:
        shm.buf[0] = 4
        os._exit(0)
    os.waitpid(pid, 0)
    assert shm.buf[0] == 4
