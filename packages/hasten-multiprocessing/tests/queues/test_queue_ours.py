"""What our queues do beyond the standard library's, or otherwise than they."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import queue
import resource
import select
import signal
import threading
import time
from multiprocessing import connection, reduction
from multiprocessing import queues as standard
from typing import Any

import pytest
from support.children import outcome_of
from support.queue_peers import outcome, put_all

import hasten.queue
from hasten.multiprocessing import queues
from hasten.multiprocessing.connection import Connection

FORK = multiprocessing.get_context("fork")
ShutDown = hasten.queue.ShutDown


def make(kind: str = "Queue", *args: Any, **options: Any) -> Any:
    return getattr(queues, kind)(*args, ctx=FORK, **options)


def in_child(function: Any, *args: Any) -> Any:
    """Start a child that reports what the function gives; a function that waits for it."""
    report = make()
    child = FORK.Process(target=outcome, args=(report, function, *args))
    child.start()

    def result() -> Any:
        found = report.get(timeout=20)
        child.join()
        child.close()
        return found

    return result


def asleep_in(q: Any) -> None:
    """Wait until some process waits in the queue for a moment: makes the case under test likely."""
    time.sleep(0.05)


# ---- what put() does ----


def test_put_takes_the_object_as_it_is() -> None:
    q, box = make(), [1]
    q.put(box)
    box.append(2)
    assert q.get() == [1]


def test_unbounded_put_waits_for_nobody() -> None:
    q = make()
    for _ in range(100):
        q.put(b"x" * 1_000_000)
    assert q.qsize() == 100 and threading.active_count() == 1
    for _ in range(100):
        assert len(q.get()) == 1_000_000


def test_a_child_ends_before_its_items_are_read() -> None:
    q = make()
    child = FORK.Process(target=put_all, args=(q, [b"x" * 1_000_000] * 20))
    child.start()
    child.join(20)
    assert child.exitcode == 0 and q.qsize() == 20
    child.close()


def test_strict_put_raises() -> None:
    q = make("Queue", 2, strict=True)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        q.put(lambda: 1)
    q.put(1)
    assert q.get() == 1 and q.empty()


def test_the_report_names_the_caller(capfd: pytest.CaptureFixture[str]) -> None:
    q = make()
    q.put(lambda: 1)
    said = capfd.readouterr().err
    assert "test_the_report_names_the_caller" in said and "q.put(lambda: 1)" in said and q.empty()


def test_keyboard_interrupt_while_pickling() -> None:
    class Rude:
        def __reduce__(self) -> Any:
            raise KeyboardInterrupt

    q = make()
    with pytest.raises(KeyboardInterrupt):
        q.put(Rude())
    q.put(1)
    assert q.get() == 1


def test_a_reducer_uses_the_same_queue() -> None:
    used = [make()]  # emptied: once a thread was started, 3.13t lets no class go, nor what it refers to

    class Nested:
        def __reduce__(self) -> Any:
            used[0].put("inner")
            return int, ("7",)

    used[0].put(Nested())
    q = used.pop()
    assert [q.get(), q.get()] == ["inner", 7]


def test_reducers_are_respected() -> None:
    class Own:
        pass

    reduction.ForkingPickler.register(Own, lambda own: (int, ("5",)))
    try:
        q, simple = make(), make("SimpleQueue")
        q.put(Own())
        simple.put([Own()])
        assert q.get() == 5 and simple.get() == [5]
    finally:
        del reduction.ForkingPickler._extra_reducers[Own]


# ---- many at a time ----


def test_many() -> None:
    q = make("Queue", 5)
    assert q.put_many(range(3)) == 3
    with pytest.raises(queue.Full) as caught:
        q.put_many("abc", timeout=0.01)
    assert caught.value.remaining == ["c"]
    assert q.get_many(2) == [0, 1] and q.get_many(10) == [2, "a", "b"]
    with pytest.raises(queue.Empty):
        q.get_many(3, False)
    with pytest.raises(ValueError, match="at least 1"):
        q.get_many(0)


# ---- shutdown ----


def test_shutdown_lets_what_is_there_be_got() -> None:
    q = make()
    q.put(1)
    q.shutdown()
    with pytest.raises(ShutDown):
        q.put(2)
    assert q.get() == 1
    for _ in range(2):
        with pytest.raises(ShutDown):
            q.get()
    assert in_child(q.get)() == "ShutDown"


def test_immediate_shutdown() -> None:
    q = make("JoinableQueue")
    for number in range(10000):
        q.put(number)
    assert q.join(timeout=0) is False
    q.shutdown(immediate=True)
    assert q.empty() and q.join() is True
    with pytest.raises(ShutDown):
        q.get(False)


@pytest.mark.parametrize("immediate", [False, True])
def test_shutdown_wakes_other_processes(immediate: bool) -> None:
    empty, full, unfinished = make(), make("Queue", 1), make("JoinableQueue")
    full.put(1)
    unfinished.put(1)
    results = [in_child(empty.get), in_child(full.put, 2), in_child(empty._reader.poll, None)]
    results += [in_child(unfinished.join)] if immediate else []
    asleep_in(empty)
    for q in (empty, full, unfinished):
        q.shutdown(immediate)
    assert [result() for result in results] == ["ShutDown", "ShutDown", True] + [True] * immediate


def test_join_with_a_timeout() -> None:
    q = make("JoinableQueue")
    assert q.join(timeout=0) is True
    q.put(1)
    assert q.join(timeout=0.01) is False
    assert q.get() == 1
    result = in_child(q.task_done)
    assert q.join(timeout=20) is True and result() is None


# ---- waiting ----


@pytest.mark.parametrize("bad", [float("nan"), "soon"])
def test_bad_timeouts(bad: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        make().get(timeout=bad)


def test_waiting_costs_no_cpu_time_and_no_thread() -> None:
    q = make()
    before = time.process_time()
    with pytest.raises(queue.Empty):
        q.get(timeout=1)
    assert time.process_time() - before < 0.05 and threading.active_count() == 1


@pytest.mark.parametrize("wait", ["get", "put", "poll", "join"])
def test_handlers_run_while_it_waits_and_may_end_it(wait: str) -> None:
    q = make("JoinableQueue", 1)
    if wait != "get":
        q.put("first")
    if wait == "poll":
        q.get()
    calls = {"get": q.get, "put": lambda: q.put(1), "poll": lambda: q._reader.poll(None), "join": q.join}
    seen: list[int] = []

    def handler(*args: Any) -> None:
        seen.append(1)
        if len(seen) == 3:
            raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        with pytest.raises(KeyboardInterrupt):
            calls[wait]()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert len(seen) >= 3


def test_a_handler_puts_into_the_same_queue() -> None:
    q = make()
    puts: list[None] = []  # not a number: a handler may interrupt another one within `+=`

    def handler(*args: Any) -> None:
        puts.append(None)
        q.put(b"from the handler" * 1000)

    old = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        end = time.monotonic() + 0.5
        gets = mine = 0
        while time.monotonic() < end:
            q.put(b"mine" * 1000)
            mine += 1
            q.get()
            gets += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert len(puts) > 10 and q.qsize() == len(puts) + mine - gets


def test_a_stopped_process_holds_nobody_up_for_ever() -> None:
    q = make()
    child = FORK.Process(target=put_all, args=(q, iter(int, 1)), daemon=True)
    child.start()
    q.get(timeout=20)
    os.kill(child.pid, signal.SIGSTOP)
    try:
        while True:
            q.get(timeout=0.01)
    except queue.Empty:
        pass
    finally:
        child.kill()
        child.join()
        child.close()


def test_selectors() -> None:
    q = make()
    poll = select.poll()
    poll.register(q._reader, select.POLLIN)
    assert poll.poll(0) == [] and select.select([q._reader], [], [], 0)[0] == []
    assert select.select([], [q._writer], [], 0)[1] == [q._writer]
    result = in_child(q.put, 1)
    assert len(poll.poll(20000)) == 1 and result() is None
    assert connection.wait([q._reader], 0) == [q._reader]
    q.put(2)
    assert q.get() == 1 and len(poll.poll(0)) == 1
    assert q.get() == 2 and poll.poll(0) == []
    q.shutdown()
    assert len(poll.poll(0)) == 1
    with pytest.raises(EOFError):
        q._reader.recv()


# ---- what it leaves, what it needs ----


def test_descriptors_go_with_the_queue() -> None:
    before = len(os.listdir("/proc/self/fd"))
    queues_made = [make(kind) for kind in ("Queue", "JoinableQueue", "SimpleQueue") for _ in range(10)]
    assert len(os.listdir("/proc/self/fd")) == before + 60
    for q in queues_made:
        assert q._reader and q._writer
        q.close()
    queues_made.clear()
    del q
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_both_ends_closed_by_hand() -> None:
    q = make()
    q._reader.close()
    with pytest.raises(OSError, match="handle is closed"):
        q.get()
    q.put(1)
    q._writer.close()
    with pytest.raises(OSError, match="handle is closed"):
        q.put(1)
    with pytest.raises(OSError, match="handle is closed"):
        q._reader.fileno()


LITTLE_SPACE = """
import multiprocessing, resource
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from hasten.multiprocessing import queues
made = [queues.Queue(ctx=multiprocessing.get_context("fork")) for _ in range(8)]
for q in made:
    for n in range(20):
        q.put(bytes([n]) * 3_000_000)
    if q is not made[-1]:
        assert [q.get()[0] for n in range(20)] == list(range(20))
child = multiprocessing.get_context("fork").Process(target=lambda q: q.put(q.get()), args=(q,))
child.start(); child.join()
print(len(made), child.exitcode, [q.get()[0] for n in range(20)])
"""


def test_little_address_space() -> None:
    status, said, errors = outcome_of(LITTLE_SPACE)
    assert (status, errors) == (0, "") and said == f"8 0 {[*range(1, 20), 0]}\n"


def test_no_memory_is_an_error_and_the_queue_goes_on() -> None:
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, old[1]))
    try:
        q = make()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    with pytest.raises(OSError, match=f"no memory for another {9 << 20} bytes"):
        q.put(b"x" * (9 << 20))
    with pytest.raises(OSError):
        for _ in range(10):
            q.put(b"x" * (1 << 20))
    n = q.qsize()
    assert 4 < n < 8
    for _ in range(n):
        assert len(q.get()) == 1 << 20
    q.put(b"y" * (1 << 20))
    assert len(q.get()) == 1 << 20


# ---- subclasses ----


class WithOwnFeeder(queues.Queue):  # type: ignore[misc]
    def _start_thread(self) -> None:
        self.started = True
        super()._start_thread()


class Wrapped:
    """As of those who add a way to pickle: all else goes to the connection."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


class WithOwnReader(queues.Queue):  # type: ignore[misc]
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._reader = Wrapped(self._reader)


class WithOwnState(queues.JoinableQueue):  # type: ignore[misc]
    def __getstate__(self) -> Any:
        return super().__getstate__()[:-2]


class Plain(queues.Queue):  # type: ignore[misc]
    extra = 1

    def put(self, obj: Any, block: bool = True, timeout: Any = None) -> None:
        super().put(("wrapped", obj), block, timeout)


class SimpleWithOwnState(queues.SimpleQueue):  # type: ignore[misc]
    def __getstate__(self) -> Any:
        return super().__getstate__()


@pytest.mark.parametrize("cls", [WithOwnFeeder, WithOwnState, SimpleWithOwnState])
def test_the_wire_is_of_the_class_that_programs_register_reducers_for(cls: Any) -> None:
    q = cls(ctx=FORK)
    ends = q._reader, q._writer
    assert [type(end) for end in ends] == [Connection, Connection]
    assert {value.__self__ for value in vars(q).values() if hasattr(value, "__self__")} <= {*ends}
    q.put([1])
    assert q.get() == [1]
    if hasattr(q, "join_thread"):
        q.close()
        q.join_thread()
    q._reader.close()
    q._writer.close()


@pytest.mark.parametrize("cls", [WithOwnFeeder, WithOwnReader, WithOwnState])
def test_a_subclass_that_works_on_the_wire_gets_it(cls: Any) -> None:
    q = cls(3, ctx=FORK)
    assert q._ring is None and isinstance(q, standard.Queue)
    q.put([1])
    assert q.get(timeout=20) == [1] and q.empty() and q.qsize() == 0 and not q.full()
    assert q.put_many([1, 2]) == 2 and q.get_many(1) == [1]
    assert isinstance(q._rlock, standard.Queue(ctx=FORK)._rlock.__class__)
    with pytest.raises(NotImplementedError):
        q.shutdown()
    if cls is WithOwnFeeder:
        assert q.started and q._thread.is_alive()
    q.close()
    q.join_thread()
    with pytest.raises(ValueError, match="is closed"):
        q.put(1)


class WithStateByHand(queues.Queue):  # type: ignore[misc]
    """As loky's: the parts of the standard library's class, put there without its __setstate__()."""

    NAMES = "_ignore_epipe _maxsize _reader _writer _rlock _wlock _sem _opid".split()

    def __getstate__(self) -> Any:
        return [getattr(self, name) for name in self.NAMES]

    def __setstate__(self, state: Any) -> None:
        vars(self).update(zip(self.NAMES[2:7], state[2:7]))
        self._ignore_epipe, self._maxsize, self._opid = state[0], state[1], state[7]
        self._reset()


class SimpleWithStateByHand(queues.SimpleQueue):  # type: ignore[misc]
    NAMES = "_reader _writer _rlock _wlock".split()

    def __getstate__(self) -> Any:
        return [getattr(self, name) for name in self.NAMES]

    def __setstate__(self, state: Any) -> None:
        vars(self).update(zip(self.NAMES, state))


@pytest.mark.parametrize("cls", [WithStateByHand, SimpleWithStateByHand])
def test_a_subclass_may_restore_the_parts_by_itself(cls: Any) -> None:
    q, again = cls(ctx=FORK), cls.__new__(cls)
    with pytest.raises(RuntimeError, match="was not called"):
        again.put(1)
    again.__setstate__(q.__getstate__())
    again.put([1])
    assert q.get() == [1]
    q.put([2])
    assert again.get() == [2] and again.empty()
    for one in q, again:
        if hasattr(one, "join_thread"):
            one.close()
            one.join_thread()
    q._reader.close()
    q._writer.close()


def test_other_subclasses_stay_on_the_ring() -> None:
    q = Plain(ctx=FORK)
    q.put_nowait(1)
    assert q._ring is not None and q.get() == ("wrapped", 1)
