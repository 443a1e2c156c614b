"""What tools replace of `concurrent.futures.thread._WorkItem`, which is a call that waits for a worker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import hasten.futures as ours
import hasten.futures.thread  # noqa: F401 (loaded on first use)


def patch(monkeypatch: pytest.MonkeyPatch, cls: type, name: str, seen: list[str]) -> None:
    original = getattr(cls, name)

    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(name)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(cls, name, wrapper)


@pytest.mark.parametrize("name", ["run", "__init__"])
def test_a_method_is_patched(
    impl: ModuleType, make_pool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    seen: list[str] = []
    pool = make_pool(max_workers=1)
    assert pool.submit(abs, -1).result() == 1
    with monkeypatch.context() as patches:
        patch(patches, impl.thread._WorkItem, name, seen)
        assert pool.submit(pow, 2, exp=3).result() == 8
        assert list(pool.map(abs, [-1, -2])) == [1, 2]
        assert seen == [name] * 3
    assert pool.submit(abs, -3).result() == 3
    assert seen == [name] * 3


def test_the_class_is_replaced(
    impl: ModuleType, make_pool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Traced(impl.thread._WorkItem):  # type: ignore[misc]
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.submitted_by = threading.current_thread().name

        def run(self, *args: Any) -> None:
            seen.append((self.submitted_by, self.future.running()))
            super().run(*args)

    seen: list[tuple[str, bool]] = []
    monkeypatch.setattr(impl.thread, "_WorkItem", Traced)
    pool = make_pool(max_workers=1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 1, 0).result()
    assert seen == [(threading.current_thread().name, False)]


def test_patched_items_are_cancelled(
    impl: ModuleType, make_pool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    patch(monkeypatch, impl.thread._WorkItem, "run", seen)
    pool = make_pool(max_workers=1)
    gate = threading.Event()
    first = pool.submit(gate.wait)
    waiting = [pool.submit(abs, -number) for number in range(3)]
    assert waiting[0].cancel()
    while not first.running():
        pass
    pool.shutdown(wait=False, cancel_futures=True)
    gate.set()
    pool.shutdown()
    assert first.result() is True
    assert all(future.cancelled() for future in waiting)
    assert seen == ["run"]
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(abs, 1)


def test_a_pool_is_shut_down_while_an_item_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its workers may have ended, or be about to: without a GIL the call was seen to wait for ever."""

    class Closing(ours.thread._WorkItem):  # type: ignore[misc]
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            pool.shutdown(wait=False)

    pool = ours.ThreadPoolExecutor(1)
    assert pool.submit(abs, -1).result() == 1
    monkeypatch.setattr(ours.thread, "_WorkItem", Closing)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(abs, -1)
    pool.shutdown()
    assert pool._work_queue.empty()
