"""Queue, JoinableQueue and SimpleQueue: what they do in the standard library, and in ours."""

from __future__ import annotations

import multiprocessing
import pickle
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection
from multiprocessing import queues as standard
from types import ModuleType
from typing import Any

import pytest
from support.queue_peers import echo, finish_all, outcome, put_all

from hasten.multiprocessing import queues as hasten_queues

FORK = multiprocessing.get_context("fork")

ITEMS = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, 2**200, 1.5, float("inf"), "", "\u00e9\U0001f600",
    "\udc80", b"", b"x" * 10, b"y" * 5000, "z" * 5000, bytearray(b"q" * 70000), (1, "abc", 2.5), [1] * 1000,
    {"a": {1, 2}}, b"w" * 1_000_000, list(range(50000)), Ellipsis, int, complex(1, 2),
]  # fmt: skip


class SubInt(int):
    pass


@pytest.fixture(params=[standard, hasten_queues], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


@pytest.fixture
def make(impl: ModuleType) -> Iterator[Callable[..., Any]]:
    """Makes queues, and closes them at the end."""
    made: list[Any] = []

    def make(kind: str = "Queue", *args: Any, ctx: Any = FORK) -> Any:
        made.append(getattr(impl, kind)(*args, ctx=ctx))
        return made[-1]

    yield make
    while made:
        one = made.pop()
        one.close()
        if hasattr(one, "join_thread"):
            one.join_thread()
        one._reader.close()
        one._writer.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Any]]:
    """Starts children, and waits for their end."""
    children: list[Any] = []

    def start(function: Callable[..., None], *args: Any, ctx: Any = FORK) -> Any:
        children.append(ctx.Process(target=function, args=args))
        children[-1].start()
        return children[-1]

    yield start
    while children:
        child = children.pop()
        child.join(20)
        hangs = child.is_alive()
        if hangs:
            child.kill()
            child.join()
        child.close()
        assert not hangs, "a child did not end"


def arrives(q: Any) -> None:
    """Wait until a put() of this process can be got: the standard library's feeder takes its time."""
    assert q._reader.poll(20)


@pytest.mark.parametrize("kind", ["Queue", "JoinableQueue", "SimpleQueue"])
def test_objects_arrive_as_they_were(make: Callable[..., Any], kind: str) -> None:
    q = make(kind)
    for item in [*ITEMS, SubInt(3)]:
        if kind == "SimpleQueue" and len(pickle.dumps(item)) > 60000:
            continue  # put() of the standard library's would block
        q.put(item)
        got = q.get()
        assert got == item and type(got) is type(item)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_through_a_child_and_back(make: Callable[..., Any], start: Callable[..., Any], method: str) -> None:
    ctx = multiprocessing.get_context(method)
    for kind in ("Queue", "SimpleQueue"):
        there, back = make(kind, ctx=ctx), make(kind, ctx=ctx)
        start(echo, there, back, ctx=ctx)
        for item in ITEMS:
            if item is not None:
                there.put(item)
                assert back.get() == item
        there.put(None)


@pytest.mark.parametrize("kind", ["Queue", "SimpleQueue"])
def test_order(make: Callable[..., Any], start: Callable[..., Any], kind: str) -> None:
    q = make(kind)
    start(put_all, q, range(20000))
    assert [q.get() for _ in range(20000)] == list(range(20000))


def test_several_producers_and_consumers(make: Callable[..., Any], start: Callable[..., Any]) -> None:
    there, back = make("Queue", 10), make()
    for _ in range(2):
        start(echo, there, back)
    for name in "ab":
        start(put_all, there, [(name, n) for n in range(1000)])
    got = [back.get(timeout=20) for _ in range(2000)]
    assert sorted(got) == [(name, n) for name in "ab" for n in range(1000)]
    put_all(there, [None, None])


def test_maxsize(make: Callable[..., Any]) -> None:
    q = make("Queue", 2)
    q.put(1)
    q.put(2)
    assert q.full() and q.qsize() == 2 and q._maxsize == 2
    with pytest.raises(queue.Full):
        q.put(3, timeout=0.01)
    with pytest.raises(queue.Full):
        q.put(3, False)
    with pytest.raises(queue.Full):
        q.put_nowait(3)
    with pytest.raises(queue.Full):
        q.put(3, True, -1)
    assert q.get() == 1 and not q.full()
    q.put(3)
    assert [q.get(), q.get()] == [2, 3]


def test_a_full_queue_blocks_until_another_process_gets(
    make: Callable[..., Any], start: Callable[..., Any]
) -> None:
    q = make("Queue", 3)
    start(put_all, q, range(500))
    assert [q.get() for _ in range(500)] == list(range(500))


def test_empty(make: Callable[..., Any]) -> None:
    q = make()
    assert q.empty() and q.qsize() == 0 and not q.full()
    with pytest.raises(queue.Empty):
        q.get(timeout=0.01)
    with pytest.raises(queue.Empty):
        q.get(False)
    with pytest.raises(queue.Empty):
        q.get_nowait()
    with pytest.raises(queue.Empty):
        q.get(True, -1)
    q.put(1)
    arrives(q)
    assert not q.empty() and q.qsize() == 1
    assert q.get_nowait() == 1


def test_timeout_is_kept(make: Callable[..., Any]) -> None:
    begin = time.monotonic()
    with pytest.raises(queue.Empty):
        make().get(timeout=0.2)
    assert time.monotonic() - begin >= 0.2


def test_closed(make: Callable[..., Any]) -> None:
    q = make()
    with pytest.raises(AssertionError, match="not closed"):
        q.join_thread()
    q.close()
    q.close()
    for use in (lambda: q.put(1), q.get, lambda: q.get(False), lambda: q.put_nowait(1), q.get_nowait):
        with pytest.raises(ValueError, match="is closed"):
            use()
    q.join_thread()
    q.cancel_join_thread()


@pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])
def test_empty_when_closed(make: Callable[..., Any], kind: str) -> None:
    unused, used, other_end = make(kind), make(kind), make(kind)
    used.put(1)
    for q in (unused, used):
        q.close()
        q.join_thread()
    assert unused.empty()
    with pytest.raises(OSError, match="is closed"):
        used.empty()
    other_end._reader.close()
    with pytest.raises(OSError, match="is closed"):
        other_end.empty()


def test_a_full_queue_is_no_put(make: Callable[..., Any], start: Callable[..., Any]) -> None:
    q = make("Queue", 1)
    start(put_all, q, [1]).join()
    with pytest.raises(queue.Full):
        q.put_nowait(2)
    q.close()
    q.join_thread()
    assert not q.empty()


def test_closed_simple_queue(make: Callable[..., Any]) -> None:
    q = make("SimpleQueue")
    q.put(1)
    q.close()
    q.close()
    for use in (lambda: q.put(1), q.get, q.empty):
        with pytest.raises(OSError):
            use()


def test_task_done_and_join(make: Callable[..., Any], start: Callable[..., Any]) -> None:
    q = make("JoinableQueue")
    with pytest.raises(ValueError, match="called too many times"):
        q.task_done()
    q.join()
    start(finish_all, q)
    for _ in range(20):
        put_all(q, range(100))
        q.join()
        assert q.empty()
    q.put(None)
    q.join()
    with pytest.raises(ValueError, match="called too many times"):
        q.task_done()


def test_join_waits(make: Callable[..., Any]) -> None:
    q = make("JoinableQueue")
    q.put(1)
    joined = threading.Event()
    waiter = threading.Thread(target=lambda: (q.join(), joined.set()))
    waiter.start()
    assert q.get() == 1
    assert not joined.wait(0.05)
    q.task_done()
    assert joined.wait(20)
    waiter.join()


def test_wait_and_poll(make: Callable[..., Any], start: Callable[..., Any]) -> None:
    first, second = make("Queue", 5), make("SimpleQueue")
    assert connection.wait([first._reader, second._reader], 0) == []
    start(put_all, first, ["first"])
    assert connection.wait([first._reader, second._reader], 20) == [first._reader]
    assert first.get() == "first" and not first._reader.poll(0) and connection.wait([first._reader], 0) == []
    start(put_all, second, ["second"])
    assert second._reader.poll(20) and second._poll() and second.get() == "second"
    assert first._writer.fileno() >= 0 and not first._reader.closed
    with first._rlock, first._wlock, second._rlock, second._wlock:
        pass


def test_bytes_by_the_reader(make: Callable[..., Any]) -> None:
    q = make()
    for item in (1, "a", [1, 2], None):
        q.put(item)
        assert pickle.loads(q._reader.recv_bytes()) == item
    q._writer.send_bytes(pickle.dumps("by hand"))
    assert q._reader.recv() == "by hand"


def test_only_for_children(make: Callable[..., Any], impl: ModuleType) -> None:
    for kind in ("Queue", "JoinableQueue", "SimpleQueue"):
        with pytest.raises(RuntimeError, match=f"{kind} objects should only be shared between"):
            pickle.dumps(make(kind))


def test_not_picklable(make: Callable[..., Any], capfd: pytest.CaptureFixture[str]) -> None:
    q = make()
    q.put(lambda: 1)
    q.put("next")
    assert q.get(timeout=20) == "next"
    assert q.empty() and q.qsize() == 0
    said = capfd.readouterr().err
    assert said.startswith("Traceback (most recent call last):") and "lambda" in said


def test_hook_for_what_is_not_picklable(impl: ModuleType) -> None:
    told = []

    class Hooked(impl.Queue):  # type: ignore[name-defined, misc]
        @staticmethod
        def _on_queue_feeder_error(error: BaseException, obj: Any) -> None:
            told.append((error, obj))

    q = Hooked(1, ctx=FORK)
    item = [lambda: 1]
    q.put(item)
    q.put("next", timeout=20)
    assert q.get(timeout=20) == "next"
    assert told[0][1] is item and isinstance(told[0][0], Exception) and len(told) == 1
    q.close()
    q.join_thread()


def test_simple_queue_raises_what_pickling_does(make: Callable[..., Any]) -> None:
    q = make("SimpleQueue")
    with pytest.raises((pickle.PicklingError, AttributeError)):
        q.put(lambda: 1)
    assert q.empty()


class Unfriendly:
    def __reduce__(self) -> Any:
        return int, ("not a number",)


def test_what_does_not_unpickle_hurts_only_itself(make: Callable[..., Any]) -> None:
    q = make("Queue", 1)
    q.put(Unfriendly())
    with pytest.raises(ValueError, match="invalid literal"):
        q.get()
    q.put("next", timeout=20)
    assert q.get() == "next"


def test_children_use_it_when_it_is_closed_here(make: Callable[..., Any], start: Callable[..., Any]) -> None:
    q, report = make(), make()
    q.close()
    start(outcome, report, put_all, q, [1])
    assert report.get(timeout=20) is None


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.parametrize("kind", ["Queue", "JoinableQueue", "SimpleQueue"])
def test_what_comes_from_a_fork_context_is_not_for_others(
    make: Callable[..., Any], impl: ModuleType, kind: str, method: str
) -> None:
    if impl is standard and sys.version_info < (3, 12):
        pytest.skip("only the later versions of 3.11 and those after it say so")
    child = multiprocessing.get_context(method).Process(target=print, args=(make(kind),))
    with pytest.raises(RuntimeError, match="A SemLock created in a fork context is being shared"):
        child.start()


def test_threads_share_it(make: Callable[..., Any]) -> None:
    q, n = make(), 3000
    putters = [threading.Thread(target=put_all, args=(q, [(name, i) for i in range(n)])) for name in range(3)]
    got: list[Any] = []
    getters = [threading.Thread(target=lambda: got.extend(iter(q.get, None))) for _ in range(3)]
    for thread in putters + getters:
        thread.start()
    for thread in putters:
        thread.join()
    put_all(q, [None] * 3)
    for thread in getters:
        thread.join(20)
    assert sorted(got) == [(name, i) for name in range(3) for i in range(n)]


def test_names(impl: ModuleType) -> None:
    for name in ("Queue", "JoinableQueue", "SimpleQueue"):
        assert getattr(impl, name)[int].__args__ == (int,) if name == "SimpleQueue" else True
        assert issubclass(getattr(impl, name), getattr(standard, name))
    q = impl.Queue(ctx=FORK)
    for name in (
        "_reader _writer _rlock _wlock _sem _buffer _thread _notempty _opid _maxsize _ignore_epipe _close"
        " _joincancelled _jointhread _poll _reset _after_fork _feed _start_thread _finalize_join _closed"
        " _finalize_close _on_queue_feeder_error _send_bytes _recv_bytes"
    ).split():
        assert hasattr(q, name), name
    assert impl._sentinel is standard._sentinel  # type: ignore[attr-defined]
    assert q._sem._semlock._get_value() == q._maxsize
    q._reader.close()
    q._writer.close()
    assert q._reader.closed and q._writer.closed
