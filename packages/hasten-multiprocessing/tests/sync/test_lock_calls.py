"""acquire(), release() and __enter__() of a `_semlock`: how they can be called, and what they look like.

acquire() without arguments has a C function of its own (method_entry.h): every way to call it is compared.
"""

from __future__ import annotations

import inspect
import multiprocessing.synchronize as stdlib
import sys
import threading
from typing import Any, Callable

import pytest
from support.shared_state import Maker

from hasten.multiprocessing import synchronize

NAMES = ["Lock", "RLock", "Semaphore", "BoundedSemaphore"]
WAYS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((True,), {}),
    ((True, None), {}),
    ((), {"block": True}),
    ((), {"timeout": None}),
    ((True,), {"timeout": 1}),
    ((False,), {}),
    ((), {"block": False}),
    ((), {"timeout": 0}),
]
WRONG: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((True, None, 1), {}),
    ((), {"x": 1}),
    ((True,), {"block": True}),
    ((), {"block": True, "timeout": None, "x": 1}),
    ((True, "1"), {}),
]


@pytest.fixture
def described(impl: Maker) -> Maker:
    """The same, where it has signatures and refuses arguments that it has no use for."""
    if impl.module is stdlib and sys.version_info < (3, 11):
        pytest.skip("the standard library's takes any arguments, and tells none")
    return impl


def in_thread(function: Callable[[], Any]) -> Any:
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(function()))
    thread.start()
    thread.join()
    return seen[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("args", "names"), WAYS)
def test_each_way_takes_it(impl: Maker, name: str, args: Any, names: Any) -> None:
    lock = getattr(impl, name)()
    for acquire in (lock.acquire, lock._semlock.acquire):
        assert acquire(*args, **names) is True
        assert lock._semlock._is_mine() and lock._semlock._count() == 1
        assert in_thread(lambda: lock.acquire(False)) is False
        lock.release()
        assert lock._semlock._count() == 0


@pytest.mark.parametrize(("args", "names"), WAYS)
def test_each_way_takes_a_recursive_one_again(impl: Maker, args: Any, names: Any) -> None:
    lock = impl.RLock()
    for depth in range(1, 4):
        assert lock.acquire(*args, **names) is True
        assert lock._semlock._count() == depth
    for _ in range(3):
        lock.release()
    assert in_thread(lambda: lock.acquire(False)) is True


@pytest.mark.parametrize("name", NAMES)
def test_without_arguments_it_waits(impl: Maker, name: str) -> None:
    lock, taken = getattr(impl, name)(), threading.Event()
    lock.acquire()

    def wait() -> None:
        assert lock.acquire() is True
        taken.set()
        lock.release()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not taken.wait(0.05)
    lock.release()
    assert taken.wait(30)
    thread.join()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("args", "names"), WRONG)
def test_wrong_arguments_take_nothing(impl: Maker, name: str, args: Any, names: Any) -> None:
    lock = getattr(impl, name)()
    with pytest.raises(TypeError):
        lock.acquire(*args, **names)
    assert not lock._semlock._is_zero()


@pytest.mark.parametrize("method", ["release", "__enter__"])
@pytest.mark.parametrize(("args", "names"), [((1,), {}), ((), {"x": 1}), ((1, 2), {"block": 1})])
def test_these_have_no_arguments(described: Maker, method: str, args: Any, names: Any) -> None:
    lock = described.Lock()
    lock.acquire()
    with pytest.raises(TypeError, match="takes no (keyword )?arguments"):
        getattr(lock._semlock, method)(*args, **names)
    assert lock._semlock._is_zero()


@pytest.mark.parametrize("method", ["acquire", "release", "__enter__"])
def test_bound_and_unbound(impl: Maker, method: str) -> None:
    semlock = impl.Lock()._semlock
    if method == "release":
        semlock.acquire()
    bound, unbound = getattr(semlock, method), getattr(type(semlock), method)
    assert bound.__self__ is semlock and bound.__name__ == unbound.__name__ == method
    assert unbound.__get__(semlock) == bound and bound == getattr(semlock, method)
    with pytest.raises(TypeError):
        unbound()
    with pytest.raises(TypeError):
        unbound(object())
    assert unbound(semlock) is (None if method == "release" else True)
    assert semlock._is_zero() is (method != "release")


@pytest.mark.parametrize(
    ("method", "signature"),
    [("acquire", "(block=True, timeout=None)"), ("release", "()"), ("__enter__", "()")],
)
def test_what_inspect_tells(described: Maker, method: str, signature: str) -> None:
    bound = getattr(described.Lock()._semlock, method)
    assert str(inspect.signature(bound)) == signature
    assert inspect.isbuiltin(bound)
    assert bound.__text_signature__.startswith("($self")


def test_documentation() -> None:
    semlock = synchronize.Lock(ctx=None)._semlock
    assert semlock.acquire.__doc__.startswith("Acquire it, blocking until that is possible")
    assert semlock.release.__doc__.startswith("Release it.")
