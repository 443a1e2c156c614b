"""How locks, conditions, events and barriers get to children that are spawned, and where they must not
get."""

from __future__ import annotations

import os
from typing import Any

import pytest
from support.shared_state import Maker, use_all

from hasten.multiprocessing import synchronize
from hasten.multiprocessing._arena import _arena

NAMES = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_uses_them(method: str) -> None:
    maker = Maker(synchronize, method)
    condition, event, barrier = maker.Condition(), maker.Event(), maker.Barrier(2)
    semaphore = maker.Semaphore(0)
    child = maker.context.Process(
        target=use_all, args=(maker.Lock(), maker.RLock(), semaphore, condition, event, barrier)
    )
    with condition:
        child.start()
        assert semaphore.acquire(timeout=30)
        assert condition.wait(30)
    event.set()
    assert barrier.wait(30) in (0, 1)
    child.join()
    assert child.exitcode == 0
    child.close()


GRANDCHILD = """
import multiprocessing, sys
from hasten.multiprocessing import synchronize

def grandchild(lock, event):
    assert lock.locked() and not lock.acquire(False)
    event.set()

def child(lock, event):
    process = context.Process(target=grandchild, args=(lock, event))
    process.start()
    process.join()
    sys.exit(process.exitcode)

context = multiprocessing.get_context("spawn")
if __name__ == "__main__":
    lock, event = synchronize.Lock(ctx=context), synchronize.Event(ctx=context)
    with lock:
        process = context.Process(target=child, args=(lock, event))
        process.start()
        process.join()
    print(process.exitcode, event.is_set())
"""


def test_a_child_passes_them_on(tmp_path: Any) -> None:
    import subprocess
    import sys

    program = tmp_path / "program.py"
    program.write_text(GRANDCHILD)
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("0 True\n", "")


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_from_a_fork_context_is_not_for_others(name: str) -> None:
    lock = getattr(Maker(synchronize, "fork"), name)()
    child = Maker(synchronize, "spawn").context.Process(target=print, args=(lock,))
    with pytest.raises(RuntimeError, match="A SemLock created in a fork context is being shared"):
        child.start()


def test_one_mapping_however_many_are_sent() -> None:
    """A pickle names the arena once, and so the descriptor is passed once."""
    import io
    from multiprocessing import context, reduction

    maker = Maker(synchronize, "spawn")
    things = [getattr(maker, name)() for name in NAMES]
    passed: list[int] = []

    class Popen:
        method = "other"

        def duplicate_for_child(self, fd: int) -> int:
            passed.append(fd)
            return fd

        class DupFd:
            def __init__(self, fd: int) -> None:
                self.fd = fd

            def detach(self) -> int:
                return os.dup(self.fd)

    context.set_spawning_popen(Popen())
    try:
        data = io.BytesIO()
        Popen.DupFd.__module__, Popen.DupFd.__qualname__ = __name__, "DupFd"
        globals()["DupFd"] = Popen.DupFd
        import sys
        import types

        here = sys.modules.setdefault(__name__, types.ModuleType(__name__))
        here.DupFd = Popen.DupFd  # type: ignore[attr-defined]
        reduction.ForkingPickler(data).dump(things)
    finally:
        context.set_spawning_popen(None)
    assert len(set(passed)) == len(passed) == 1
    before = sorted(_arena.held())
    again = reduction.ForkingPickler.loads(data.getvalue())
    assert sorted(_arena.held()) == before
    with things[0]:
        assert again[0].locked()
    things[5].set()
    assert again[5].is_set()


def test_a_closed_descriptor_is_told() -> None:
    """Programs close all descriptors they do not know; what is mapped works on, but cannot be sent."""
    from support.forked import in_child

    maker = Maker(synchronize, "spawn")
    lock = maker.Lock()

    def check() -> None:
        from multiprocessing import context

        for fd in _arena.held():
            os.close(fd)
        with lock:
            assert lock.locked()
        context.set_spawning_popen(object())
        with pytest.raises(OSError, match="was closed"):
            lock._semlock._state()[0].__reduce__()[1][0].__reduce__()
        context.set_spawning_popen(None)
        assert maker.Lock().acquire(False)

    in_child(check)
