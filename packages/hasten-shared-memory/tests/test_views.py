"""Views of a block: they stay valid whatever is done to the object, and the last one unmaps the memory."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from typing import Any

import pytest


def is_mapped(shm: Any) -> bool:
    """By the inode, as the maps show a block under the name it had when it was opened, which is none."""
    with open("/proc/self/maps") as maps:
        return any(line.split()[4] == str(shm._inode) for line in maps)


@pytest.fixture
def shm(ours: Any, made: list[Any]) -> Any:
    made.append(ours.SharedMemory(create=True, size=8192))
    return made[0]


def test_close_with_views_alive(shm: Any) -> None:
    whole, part = shm.buf, shm.buf[4:8]
    shm.close()
    assert shm.buf is None
    part[0] = 9
    assert whole[4] == 9
    del whole
    assert is_mapped(shm)
    del part
    assert not is_mapped(shm)


def test_close_without_views_unmaps(shm: Any) -> None:
    assert is_mapped(shm)
    shm.close()
    assert not is_mapped(shm)


def test_a_released_view_is_none(shm: Any) -> None:
    view = shm.buf
    view.release()
    shm.close()
    assert not is_mapped(shm)


def test_an_object_that_dies_before_its_view(ours: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gc.collect()  # what earlier tests have left goes now
    noise: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: noise.append(told.exc_value))
    shm = ours.SharedMemory(create=True, size=4096)
    shm.unlink()
    before = len(os.listdir("/proc/self/fd"))
    numbers = shm.buf.cast("i")
    numbers[3] = 42
    del shm
    gc.collect()
    assert numbers[3] == 42
    assert len(os.listdir("/proc/self/fd")) == before - 1
    assert noise == []


def test_a_view_over_the_mapping_itself(shm: Any) -> None:
    view = memoryview(shm._mmap)
    shm.close()
    view[0] = 1
    assert is_mapped(shm)
    view.release()
    assert not is_mapped(shm)


def test_no_new_view_of_a_closed_mapping(shm: Any) -> None:
    mapping = shm._mmap
    shm.close()
    with pytest.raises(ValueError, match="closed"):
        memoryview(mapping)


def test_views_of_views(shm: Any) -> None:
    view = shm.buf[100:200].cast("H").toreadonly()[::2]
    shm.close()
    assert view.tolist() == [0] * 25
    with pytest.raises(TypeError):
        view[0] = 1


def test_fork_with_views_alive(shm: Any) -> None:
    view = shm.buf[:4]
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            view[0] = 5
            shm.close()
            view[1] = 6
            del view
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    assert bytes(view) == b"\5\6\0\0"


@pytest.mark.parametrize("how", ["", "sys.exit(3)", "os._exit(3)", "raise KeyboardInterrupt"])
def test_the_interpreters_end_with_views_alive(how: str) -> None:
    code = (
        "import os, sys, hasten.shared_memory as m\n"
        "s = m.SharedMemory(create=True, size=100); s.unlink(); t = m.SharedMemory(anonymous=True, size=9)\n"
        "v, w = s.buf[1:], t.buf; sys.modules['kept'] = v\n"
    )
    done = subprocess.run([sys.executable, "-c", code + how], capture_output=True, text=True, timeout=60)
    expected = {"": 0, "raise KeyboardInterrupt": -2}.get(how, 3)
    assert done.returncode == expected
    assert done.stderr == "" or "KeyboardInterrupt" in done.stderr
    assert "Error" not in done.stderr


def test_threads_that_look_while_it_is_closed(ours: Any) -> None:
    """No thread ever reads memory that is gone; it finds the block open, or closed."""
    import threading

    for _ in range(30):
        shm = ours.SharedMemory(anonymous=True, size=4096)
        begin = threading.Barrier(4)
        faults: list[BaseException] = []

        def look(shm: Any = shm, begin: Any = begin, faults: list[BaseException] = faults) -> None:
            begin.wait()
            try:
                while True:
                    view = shm.buf
                    if view is None:
                        break
                    assert view[4095] == 0
            except BaseException as error:
                faults.append(error)

        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        begin.wait()
        shm.close()
        for thread in threads:
            thread.join()
        assert faults == []
