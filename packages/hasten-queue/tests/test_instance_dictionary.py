"""`__dict__` of a queue, which programs copy and update to pickle it."""

from __future__ import annotations

import copy
import pickle
import threading
from types import ModuleType
from typing import Any

import pytest

PARTS = ("mutex", "not_empty", "not_full", "all_tasks_done")


def pickled_by_dictionary(impl: ModuleType, kind: str) -> type:
    class PickledByDictionary(getattr(impl, kind)):  # type: ignore[misc]
        def __getstate__(self) -> dict[str, Any]:
            state = self.__dict__.copy()
            for name in PARTS:
                del state[name]
            return state

        def __setstate__(self, state: dict[str, Any]) -> None:
            self.__dict__.update(state)
            self.mutex = threading.Lock()
            for name in PARTS[1:]:
                setattr(self, name, threading.Condition(self.mutex))

    return PickledByDictionary


def test_a_recipe_that_pickles_by_the_dictionary(
    impl: ModuleType, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cls = pickled_by_dictionary(impl, kind)
    cls.__qualname__ = cls.__name__
    monkeypatch.setitem(globals(), cls.__name__, cls)
    original = cls(5)
    original.label = "kept"
    for item in [3, 1, 2]:
        original.put(item)

    got = pickle.loads(pickle.dumps(original))

    assert (got.maxsize, got.unfinished_tasks, got.qsize(), got.label) == (5, 3, 3, "kept")
    got.put(9)
    assert [got.get() for _ in range(4)] == [original.get() for _ in range(3)] + [9] or kind == "LifoQueue"
    for _ in range(4):
        got.task_done()
    got.join()


def test_the_dictionary_has_the_attributes(impl: ModuleType, kind: str) -> None:
    queue = getattr(impl, kind)(7)
    queue.put("item")
    fields = vars(queue)
    assert {"maxsize", "queue", "unfinished_tasks", *PARTS} <= set(fields)
    assert fields["maxsize"] == 7
    assert list(fields["queue"]) == ["item"]
    assert fields["mutex"] is queue.mutex
    assert not [name for name in fields if name.endswith("_state")]


def test_what_is_written_to_the_dictionary_is_set(impl: ModuleType) -> None:
    queue = impl.Queue()
    queue.__dict__["maxsize"] = 1
    queue.__dict__.update(unfinished_tasks=4, label="mine")
    queue.put("item")
    with pytest.raises(impl.Full):
        queue.put_nowait("another")
    assert (queue.unfinished_tasks, queue.label) == (5, "mine")
    del queue.__dict__["label"]
    assert not hasattr(queue, "label")
    assert queue.__dict__.setdefault("other", 2) == queue.__dict__.pop("other") == 2
    assert not hasattr(queue, "other")


def test_attributes_of_the_program_are_in_the_same_dictionary(impl: ModuleType) -> None:
    queue = impl.Queue()
    fields = vars(queue)
    queue.later = 1
    assert fields["later"] == 1
    assert "later" in vars(queue)


def test_instances_that_share_a_dictionary(impl: ModuleType) -> None:
    one, other = impl.Queue(), impl.Queue()
    other.__dict__ = one.__dict__
    one.put("item")
    assert other.get(timeout=10) == "item"


def test_a_copy_shares_the_items(impl: ModuleType, kind: str) -> None:
    queue = getattr(impl, kind)()
    twin = copy.copy(queue)
    queue.put("item")
    assert twin.get(timeout=10) == "item"
    assert queue.empty()
    with pytest.raises(TypeError):
        pickle.dumps(queue)


def test_a_subclass_whose_attributes_go_through_the_dictionary(impl: ModuleType) -> None:
    class Own(impl.Queue):  # type: ignore[name-defined]
        def __setattr__(self, name: str, value: Any) -> None:
            self.__dict__[name] = value

        def __getattribute__(self, name: str) -> Any:
            fields = super().__getattribute__("__dict__")
            return fields[name] if name in fields else super().__getattribute__(name)

    queue = Own(1)
    queue.label = "mine"
    queue.put("item")
    queue.maxsize = 2
    queue.put_nowait("another")
    assert (queue.full(), queue.maxsize, queue.label, queue.get()) == (True, 2, "mine", "item")


def test_a_thread_that_is_a_queue(impl: ModuleType, kind: str) -> None:
    class Worker(threading.Thread, getattr(impl, kind)):  # type: ignore[misc]
        def __init__(self) -> None:
            threading.Thread.__init__(self, name="worker")
            getattr(impl, kind).__init__(self, 7)

    worker = Worker()
    assert {"maxsize", "queue", "unfinished_tasks", *PARTS, "_name"} <= set(vars(worker))
    assert not [name for name in vars(worker) if name.endswith("_state")]
    vars(worker)["maxsize"] = 1
    worker.put(1)
    assert worker.full()


def test_a_queue_that_is_an_event(impl: ModuleType) -> None:
    import hasten.threading

    class Both(impl.Queue, hasten.threading.Event):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            impl.Queue.__init__(self, 7)
            hasten.threading.Event.__init__(self)

    both = Both()
    assert {"maxsize", "queue", "mutex", "_flag", "_cond"} <= set(vars(both))
    assert not [name for name in vars(both) if name.endswith("_state")]
    vars(both).update(maxsize=1, _flag=True)
    both.put(1)
    assert both.full() and both.is_set()
