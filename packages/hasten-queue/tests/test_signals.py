"""Signals and finalizers: what interrupts a wait, what does not, and who may use the queue from inside."""

import gc
import signal
import sys
import threading
import time

import pytest
from support.signalling import MAIN, SENDERS, Interrupt, interrupt

import hasten.queue

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")


def blocking_calls(q, full):
    return {
        "get": q.get,
        "get_many": lambda: q.get_many(3),
        "put": lambda: full.put(2),
        "join": full.join,
        "get with timeout": lambda: q.get(timeout=60),
        "put with timeout": lambda: full.put(2, timeout=60),
        "join with timeout": lambda: full.join(timeout=60),
    }


CALLS = list(blocking_calls(hasten.queue.Queue(), hasten.queue.Queue()))


@pytest.mark.parametrize("state", ["plain", "hooked", "seen", "seen and used"])
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("sender", SENDERS)
def test_a_raising_handler_ends_the_wait(name, state, sender, on_signal, when_main_sleeps):
    class Hooked(hasten.queue.Queue):
        def _qsize(self):
            return super()._qsize()

    cls = Hooked if state == "hooked" else hasten.queue.Queue
    q, full = cls(), cls(1)
    full.put(1)
    if state.startswith("seen"):
        _ = q.mutex, full.mutex

    def act():
        if state == "seen and used":
            q.qsize(), full.qsize()
        SENDERS[sender]()

    on_signal(interrupt)
    sender_thread = when_main_sleeps(act)
    with pytest.raises(Interrupt):
        blocking_calls(q, full)[name]()
    sender_thread.result()
    assert (q.qsize(), full.qsize(), full.unfinished_tasks) == (0, 1, 1)
    assert full.get() == 1
    full.put_nowait(2)
    q.put(3)
    assert (q.get_nowait(), full.get_nowait()) == (3, 2)
    if state.startswith("seen"):
        assert not q.mutex.locked() and not full.mutex.locked()


def test_simple_queue_is_interrupted(impl, on_signal, when_main_sleeps):
    q = impl.SimpleQueue()
    on_signal(interrupt)
    sender = when_main_sleeps(SENDERS["pthread_kill"])
    with pytest.raises(Interrupt):
        q.get()
    sender.result()
    q.put(1)
    assert q.get() == 1


def test_interrupted_put_many_tells_what_remains(on_signal, when_main_sleeps):
    q = hasten.queue.Queue(2)
    on_signal(interrupt)
    sender = when_main_sleeps(SENDERS["pthread_kill"])
    with pytest.raises(Interrupt) as caught:
        q.put_many(range(5))
    sender.result()
    assert caught.value.remaining == [2, 3, 4]
    assert q.get_many(5) == [0, 1]


def test_interrupted_on_the_way_back_inside(spawn, until, on_signal, when_main_sleeps):
    """A wait in the hooks is over, but another thread is in there just now."""
    inside, go, entered = threading.Event(), threading.Event(), []

    class Slow(hasten.queue.Queue):
        def _put(self, item):
            entered.append(time.monotonic())
            inside.set()
            assert go.wait(30)
            super()._put(item)

    q = Slow()

    def act():
        spawn(q.put, "item")
        assert inside.wait(30)
        until(lambda: time.monotonic() > end + 0.2)  # by then get() has timed out and wants to go back in
        SENDERS["pthread_kill"]()
        time.sleep(0.05)  # were the signal to be seen only with the item, it would be seen too late
        go.set()

    on_signal(interrupt)
    end = time.monotonic() + 0.5
    actor = when_main_sleeps(act)
    got = None
    with pytest.raises(Interrupt):
        while got is None:
            try:
                got = q.get(timeout=0.5)
            except hasten.queue.Empty:  # the other was not inside in time: once more
                assert not inside.is_set() or entered[0] > end
                end = time.monotonic() + 0.5
        until(lambda: False, 5)
    actor.result()
    q.put("next")
    assert [got] * (got is not None) + [q.get(timeout=30) for _ in range(2 - (got is not None))] == [
        "item",
        "next",
    ]


def test_a_signal_is_not_forgotten_when_the_item_was_snatched(on_signal, when_main_sleeps, until):
    q, interval = hasten.queue.Queue(), sys.getswitchinterval()

    def act():
        sys.setswitchinterval(5)
        signal.pthread_kill(MAIN, signal.SIGUSR1)
        q.put(1)
        try:
            q.get_nowait()
        except hasten.queue.Empty:  # without a GIL the main thread may be faster
            pass
        finally:
            sys.setswitchinterval(interval)
        try:
            until(lambda: seen, 20)  # while the wait goes on: only what follows ends it
        finally:
            q.put(2)

    seen = []
    on_signal(lambda: seen.append(1))
    actor = when_main_sleeps(act)
    assert q.get() in (1, 2)
    actor.result()
    assert seen


def test_signals_do_not_move_the_deadline(impl, spawn, on_signal):
    q, handled, over = impl.Queue(), [], threading.Event()
    on_signal(lambda: handled.append(1))

    def send():
        while not over.wait(0.01):
            signal.pthread_kill(MAIN, signal.SIGUSR1)

    sender = spawn(send)
    try:
        during = 0
        while not during:  # the sender may be slow
            before, start = len(handled), time.monotonic()
            with pytest.raises(impl.Empty):
                q.get(timeout=0.3)
            elapsed, during = time.monotonic() - start, len(handled) - before
            assert 0.29 <= elapsed < 10
    finally:
        over.set()
    sender.result()


@pytest.mark.parametrize("name", ["Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"])
def test_handler_puts_what_main_waits_for(name, on_signal, when_main_sleeps):
    q = getattr(hasten.queue, name)()
    on_signal(lambda: q.put("from the handler"))
    sender = when_main_sleeps(SENDERS["pthread_kill"])
    assert q.get(timeout=30) == "from the handler"
    sender.result()


def test_handler_takes_while_main_waits_for_room(kind, on_signal, when_main_sleeps):
    q = getattr(hasten.queue, kind)(1)
    q.put(0)
    on_signal(q.get_nowait)
    sender = when_main_sleeps(SENDERS["pthread_kill"])
    q.put(1, timeout=30)
    sender.result()
    assert q.get() == 1


@pytest.mark.parametrize("hooked", [False, True])
def test_put_from_a_finalizer_during_put(kind, hooked):
    count = 3000

    class Tracked:
        def __init__(self):
            self.cycle = self

        def __del__(self):
            finalized.append(1)
            q.put(-1)

    class Hooked(getattr(hasten.queue, kind)):
        def _put(self, item):
            if item != -1:  # or there would always be another one to finalize
                Tracked()
            super()._put(item)

    q = Hooked() if hooked else getattr(hasten.queue, kind)()
    finalized = []
    thresholds = gc.get_threshold()
    gc.set_threshold(5)
    try:
        for i in range(count):
            Tracked()
            q.put(i)
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    got = [q.get() for _ in range(q.qsize())]
    assert len(got) == count + len(finalized)
    assert got.count(-1) == len(finalized) == count * (1 + hooked)
    assert q.unfinished_tasks == len(got)


class Meddling:
    """An item whose comparison uses the queue."""

    action = None

    def __init__(self, rank):
        self.rank = rank

    def __lt__(self, other):
        action, Meddling.action = Meddling.action, None
        if action is not None:
            action()
        return self.rank < other.rank


def filled_with_meddlers():
    q = hasten.queue.PriorityQueue()
    for rank in [5, 3, 4, 1, 2]:
        q.put(Meddling(rank))
    return q


def ranks(q):
    return [item.rank for item in q.get_many(100)]


@pytest.mark.parametrize("late", ["put", "put_nowait"])
def test_put_from_a_comparison(late):
    q = filled_with_meddlers()
    for rank, operation in [(0, lambda: q.put(Meddling(6))), (7, q.get)]:
        Meddling.action = lambda rank=rank: getattr(q, late)(Meddling(rank))
        operation()
        assert Meddling.action is None
    assert ranks(q) == [1, 2, 3, 4, 5, 6, 7]
    assert q.unfinished_tasks == 8


def test_get_from_a_comparison():
    q = filled_with_meddlers()
    outcomes = []

    def try_to_get():
        for call in [q.get_nowait, q.get]:
            try:
                call()
            except (hasten.queue.Empty, RuntimeError) as error:
                outcomes.append(type(error))

    Meddling.action = try_to_get
    q.put(Meddling(0))
    assert outcomes == [hasten.queue.Empty, RuntimeError]
    assert ranks(q) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("operation", ["put", "get"])
@pytest.mark.parametrize("attribute", ["queue", "mutex", "not_empty", "unfinished_tasks", "maxsize"])
def test_attributes_from_a_comparison(operation, attribute):
    q = filled_with_meddlers()
    Meddling.action = lambda: getattr(q, attribute)
    if operation == "put":
        q.put(Meddling(0))
    else:
        assert q.get().rank == 1
        q.put(Meddling(1))
        q.put(Meddling(0))
    assert Meddling.action is None
    assert ranks(q) == [0, 1, 2, 3, 4, 5]
    assert not q.mutex.locked()


@pytest.mark.parametrize("action", ["__init__()", "_init(0)", "[_get() for _ in range(150)]", "put_many"])
@pytest.mark.parametrize("operation", ["put", "get"])
def test_a_comparison_that_breaks_the_rules_cannot_crash(python, action, operation):
    program = f"""
import hasten.queue
class Item:
    armed = False
    def __init__(self, rank): self.rank = rank
    def __lt__(self, other):
        if Item.armed:
            Item.armed = False
            meddle()
        return self.rank < other.rank
def meddle():
    action = {action!r}
    if action.startswith("["):
        for _ in range(150): q._get()
    elif action == "put_many":
        for _ in range(150): q._put(Item(-2))
    else:
        eval("q." + action)
q = hasten.queue.PriorityQueue()
for rank in range(200): q.put(Item(rank))
Item.armed = True
try:
    q.put(Item(-1)) if {operation!r} == "put" else q.get()
except (RuntimeError, IndexError):
    pass
while not q.empty(): q.get_nowait()
print("done")
"""
    assert python(program) == "done\n"


def test_interrupted_in_a_condition_while_another_thread_comes_in(monkeypatch, spawn, when_main_sleeps):
    """wait() has released the mutex and is interrupted; until it is taken again it is the other thread's."""
    inside, go_on, tasks = threading.Event(), threading.Event(), []

    class Held(hasten.queue.Queue):
        def _put(self, item):
            inside.set()
            assert go_on.wait(30)
            super()._put(item)

    def wait(condition, timeout=None):
        condition.release()
        raise Interrupt

    def notify_all(condition):
        monkeypatch.undo()
        tasks.append(spawn(q.put, 1))
        assert inside.wait(30)
        tasks.append(when_main_sleeps(go_on.set))
        raise RuntimeError("cannot notify on un-acquired lock")

    q = Held()
    assert q.mutex is not None
    monkeypatch.setattr(threading.Condition, "wait", wait)
    monkeypatch.setattr(threading.Condition, "notify_all", notify_all)
    with pytest.raises(Interrupt):
        q.get()
    for task in tasks:
        task.result()
    assert q.get(timeout=30) == 1
    assert not q.mutex.locked()
