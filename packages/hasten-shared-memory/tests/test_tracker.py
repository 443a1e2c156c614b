"""What programs do to the standard library's resource tracker on account of shared memory."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from multiprocessing import resource_tracker
from typing import Any
from unittest import mock

import pytest
from support.named_blocks import exists, until_gone

from hasten.shared_memory._known import known

HEAD = """
import os, sys
from multiprocessing import resource_tracker
from unittest import mock
import hasten.shared_memory as m
"""


def run(code: str, *args: str) -> tuple[str, str]:
    command = [sys.executable, "-c", HEAD + code, *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout.strip(), done.stderr.strip()


def test_unregister_after_attaching(ours: Any, made: list[Any]) -> None:
    made.append(ours.SharedMemory(create=True, size=10))
    code = """
s = m.SharedMemory(sys.argv[1])
resource_tracker.unregister(s._name, "shared_memory")
resource_tracker.unregister(s.name, "shared_memory")
s.close()
resource_tracker.unregister(s._name, "shared_memory")
resource_tracker.register(s._name, "shared_memory")
print(resource_tracker._resource_tracker._fd)
"""
    assert run(code, made[0].name) == ("None", "")
    assert exists(made[0].name)


def test_unregister_bound_before_ours_is_imported(ours: Any, made: list[Any]) -> None:
    made.append(ours.SharedMemory(create=True, size=10))
    code = "from multiprocessing.resource_tracker import unregister, register\n" + HEAD
    code += "s = m.SharedMemory(sys.argv[1]); unregister(s._name, 'shared_memory')"
    done = subprocess.run([sys.executable, "-c", code, made[0].name], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_maker_that_unregisters_leaves_its_block(ours: Any) -> None:
    code = """
s = m.SharedMemory(create=True, size=10); t = m.SharedMemory(create=True, size=10)
resource_tracker.unregister(s._name, "shared_memory")
print(s.name, t.name)
"""
    out, err = run(code)
    name, other = out.split()
    assert err == ""
    until_gone(other)
    assert exists(name)
    block = ours.SharedMemory(name)
    block.close()
    block.unlink()


def test_a_maker_that_registers_again(ours: Any) -> None:
    code = """
s = m.SharedMemory(create=True, size=10, track=False)
resource_tracker.register(s._name, "shared_memory")
print(s.name)
"""
    name, err = run(code)
    assert err == ""
    until_gone(name)


def test_register_replaced_by_nothing(ours: Any) -> None:
    """Whoever makes a block meanwhile wants nobody to remove it."""
    code = """
t = m.SharedMemory(create=True, size=10)
with mock.patch("multiprocessing.resource_tracker.register", lambda *a, **k: None):
    s = m.SharedMemory(create=True, size=10)
    a = m.SharedMemory(s.name)
print(s.name, t.name)
"""
    out, err = run(code)
    name, other = out.split()
    assert err == ""
    until_gone(other)
    assert exists(name)
    block = ours.SharedMemory(name)
    block.close()
    block.unlink()


def test_what_replaced_functions_are_called_with(ours: Any, made: list[Any]) -> None:
    with mock.patch.object(resource_tracker, "register") as register:
        made.append(ours.SharedMemory(create=True, size=10))
        other = ours.SharedMemory(made[0].name)
        untracked = ours.SharedMemory(made[0].name, track=False)
    called = mock.call(made[0]._name, "shared_memory")
    assert register.mock_calls == [called, called]
    with mock.patch.object(resource_tracker, "unregister") as unregister:
        other.unlink()
    assert unregister.mock_calls == [called]
    other.close()
    untracked.close()


def test_a_replaced_register_that_calls_the_original(ours: Any) -> None:
    code = """
original = resource_tracker.register
resource_tracker.register = lambda *args: (print(args), original(*args))
s = m.SharedMemory('hasten-wrapped', create=True, size=10)
"""
    out, err = run(code)
    assert (out, err) == ("('/hasten-wrapped', 'shared_memory')", "")
    until_gone("hasten-wrapped")


def test_a_register_that_raises(ours: Any) -> None:
    with mock.patch.object(resource_tracker, "register", side_effect=ValueError("no")):
        with pytest.raises(ValueError, match="no"):
            ours.SharedMemory("hasten-raises", create=True, size=10)
    assert not exists("hasten-raises")


def test_other_resources_still_go_to_the_tracker() -> None:
    """A semaphore that is left behind is removed and told of."""
    code = """
import _multiprocessing
name = f"/hasten-{os.getpid()}"
lock = _multiprocessing.SemLock(1, 1, 1, name, False)
resource_tracker.register(name, "semaphore")
print(name[1:])
"""
    name, err = run(code)
    assert "leaked semaphore" in err
    until_gone(f"sem.{name}")


def test_the_standard_librarys_blocks_still_go_to_the_tracker() -> None:
    code = """
from multiprocessing import shared_memory
s = shared_memory.SharedMemory(create=True, size=10)
print(s.name)
"""
    name, err = run(code)
    assert "leaked shared_memory" in err
    until_gone(name)


def test_no_process_of_the_standard_library_is_started() -> None:
    code = """
s = m.SharedMemory(create=True, size=10); a = m.SharedMemory(s.name)
a.close(); s.close(); s.unlink()
l = m.ShareableList([1]); l.shm.close(); l.shm.unlink()
print(resource_tracker._resource_tracker._pid)
"""
    assert run(code) == ("None", "")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_are_told_of_the_family(method: str) -> None:
    """Nothing of it is in the way of starting a process, whose configuration it travels in."""
    ctx = multiprocessing.get_context(method)
    process = ctx.Process(target=os.getpid)
    process.start()
    process.join()
    assert process.exitcode == 0
    process.close()
    if method == "forkserver":
        multiprocessing.forkserver._forkserver._stop()  # type: ignore[attr-defined]


def test_not_every_name_is_remembered(ours: Any, made: list[Any]) -> None:
    """The latest are: a program unregisters soon after it has attached."""
    block = ours.SharedMemory(create=True, size=1)
    made.append(block)
    names = [f"{block.name}-{number}" for number in range(10_000)]
    for name in names:
        os.link(f"/dev/shm/{block.name}", f"/dev/shm/{name}")
        try:
            ours.SharedMemory(name).close()
        finally:
            os.unlink(f"/dev/shm/{name}")
    remembered = [name for name in names if known(f"/{name}")]
    assert 2000 < len(remembered) <= 4096
    assert remembered == names[-len(remembered) :]
    assert known(f"/{names[-1]}") == (block._inode, False)
