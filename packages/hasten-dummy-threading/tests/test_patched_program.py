"""patched() and the rest of the program: queues, and modules that hold or take what is replaced."""

import importlib
import queue
import sys
import threading
import time
import types

import pytest

import hasten.dummy_threading as dummy
from hasten.dummy_threading import patched

real = types.SimpleNamespace(Event=threading.Event)  # out of the reach of patched()


@pytest.fixture(autouse=True)
def put_back(nothing_changed):
    """Each test here is watched."""


# ---- queues ----


@pytest.mark.parametrize("name", ["Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"])
def test_queues(name, sleeps):
    with patched():
        q = getattr(queue, name)()
        threading.Thread(target=q.put, args=[1]).start()
        assert q.get() == 1 and q.empty() and q.qsize() == 0
        with pytest.raises(RuntimeError, match="would wait for ever"):
            q.get()
        with pytest.raises(queue.Empty):
            q.get(block=False)
        with pytest.raises(queue.Empty):
            q.get(timeout=0)
        with pytest.raises(queue.Empty):
            q.get_nowait()
        with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
            q.get(timeout=-1)
    assert sleeps == []


def test_a_simple_queue_waits_if_told_so(sleeps):
    with patched(sleep=True):
        with pytest.raises(queue.Empty):
            queue.SimpleQueue().get(timeout=2)
    assert sleeps == [2]
    assert "SimpleQueue[int]" in str(type(queue.SimpleQueue())[int])


def test_a_full_queue():
    with patched():
        q = queue.Queue(1)
        q.put(1)
        with pytest.raises(RuntimeError, match="would wait for ever"):
            q.put(2)
        with pytest.raises(queue.Full):
            q.put(2, timeout=0.001)


def test_join_of_a_queue():
    with patched():
        q = queue.Queue()
        q.put(1)
        with pytest.raises(RuntimeError, match="would wait for ever"):
            q.join()
        threading.Thread(target=lambda: (q.get(), q.task_done())).start()
        assert q.join() is None


# ---- modules ----


@pytest.fixture
def module_of(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def module_of(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield module_of
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_a_module_imported_meanwhile_gets_the_real_thing_in_the_end(module_of):
    with patched():
        module = module_of(
            "hasten_test_late", "from threading import Event, Lock as L, current_thread\nimport threading\n"
        )
        assert module.Event is dummy.Event and module.L is dummy.Lock
    assert module.Event is threading.Event and module.L is threading.Lock
    assert module.current_thread is threading.current_thread and module.threading is threading


def test_a_module_that_holds_ours_keeps_it(module_of):
    module = module_of("hasten_test_ours", "from hasten.dummy_threading import Event, patched\n")
    with patched():
        assert module.Event is dummy.Event
    assert module.Event is dummy.Event


def test_odd_modules_do_no_harm(monkeypatch):
    class Odd(types.ModuleType):
        def __setattr__(self, name, value):
            raise AttributeError("read-only")

    odd = Odd("hasten_test_odd")
    vars(odd)["Event"] = real.Event
    nameless = types.ModuleType("hasten_test_nameless")
    del nameless.__name__
    vars(nameless)["Event"] = real.Event
    monkeypatch.setitem(sys.modules, "hasten_test_odd", odd)
    monkeypatch.setitem(sys.modules, "hasten_test_nameless", nameless)
    monkeypatch.setitem(sys.modules, "hasten_test_none", None)
    monkeypatch.setitem(sys.modules, "hasten_test_thing", object())
    with patched():
        assert odd.Event is dummy.Event and nameless.Event is dummy.Event
    assert odd.Event is real.Event and nameless.Event is real.Event


def test_time_sleep_of_the_program_is_not_touched():
    with patched():
        before = time.monotonic()
        threading.Thread(target=time.sleep, args=[0.01]).start()
        assert time.monotonic() - before >= 0.01
