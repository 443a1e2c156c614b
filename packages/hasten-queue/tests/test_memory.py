"""References and memory: every item is held once, and let go of on every way out."""

import gc
import os
import sys
import weakref

import psutil
import pytest

import hasten.queue

# the sanitizer keeps freed memory for a while, so the process only grows
flat = pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="memory is held back")


class Thing:
    def __lt__(self, other):
        return id(self) < id(other)


class Failed(Exception):
    pass


@pytest.fixture(params=["plain", "hooked", "seen"])
def make(request, kind):
    """Makes a queue in one of the three states."""
    cls = getattr(hasten.queue, kind)
    if request.param == "hooked":
        cls = type("Hooked", (cls,), {"_get": lambda self, get=cls._get: get(self)})

    def make(maxsize=0):
        q = cls(maxsize)
        if request.param == "seen":
            _ = q.mutex
        return q

    return make


def held_after(thing, action):
    """How many references *action* adds to *thing*."""
    before = sys.getrefcount(thing)
    action(thing)
    return sys.getrefcount(thing) - before


def test_put_holds_one_reference_and_get_gives_it_back(make):
    q, thing = make(), Thing()
    assert held_after(thing, q.put) == 1
    assert held_after(thing, q.put_nowait) == 1
    assert held_after(thing, lambda thing: q.put_many([thing, thing])) == 2
    assert held_after(thing, lambda _: q.get()) == -1
    assert held_after(thing, lambda _: q.get_nowait()) == -1
    assert held_after(thing, lambda _: q.get_many(5)) == -2


def test_simple_queue_holds_one_reference():
    q, thing = hasten.queue.SimpleQueue(), Thing()
    assert held_after(thing, q.put) == 1
    assert held_after(thing, lambda _: q.get()) == -1
    q.shutdown()

    def refused(thing):
        with pytest.raises(hasten.queue.ShutDown):
            q.put(thing)

    assert held_after(thing, refused) == 0


@pytest.mark.parametrize("error", ["Full", "timeout", "ShutDown", "ValueError"])
def test_failed_put_holds_nothing(make, error):
    q, thing = make(1), Thing()
    q.put(Thing())
    expected = getattr(hasten.queue, error, hasten.queue.Full if error == "timeout" else ValueError)
    options = {"Full": {"block": False}, "timeout": {"timeout": 0.001}, "ValueError": {"timeout": -1}}.get(
        error, {}
    )
    if error == "ShutDown":
        q.shutdown()

    def put(thing):
        for call in [q.put, lambda item, **options: q.put_many([item], **options)]:
            with pytest.raises(expected):
                call(thing, **options)

    put(Thing())
    assert held_after(thing, put) == 0


@pytest.mark.parametrize("hook", ["_put", "_get"])
def test_failed_hook_holds_nothing(kind, hook):
    class Failing(getattr(hasten.queue, kind)):
        pass

    q, thing = Failing(), Thing()
    if hook == "_get":
        q.put(thing)

    def fail(*args):
        raise Failed

    setattr(Failing, hook, fail)

    def call(thing):
        with pytest.raises(Failed):
            q.put(thing) if hook == "_put" else q.get()

    call(thing)
    assert held_after(thing, call) == 0


def test_failed_comparison_holds_nothing():
    class Incomparable:
        def __lt__(self, other):
            raise Failed

    q = hasten.queue.PriorityQueue()
    first, second = Incomparable(), Incomparable()
    q.put(first)

    def call(thing):
        with pytest.raises(Failed):
            q.put(thing)

    call(second)
    assert held_after(second, call) == 0
    assert held_after(first, lambda _: call(second)) == 0


def gone(make_and_drop):
    ref = make_and_drop()
    gc.collect()
    return ref() is None


def test_dropped_queue_frees_its_items(make):
    def scenario():
        q, thing = make(), Thing()
        q.put(thing)
        return weakref.ref(thing)

    assert gone(scenario)


def test_immediate_shutdown_frees_the_items(make):
    q = make()
    q.put(Thing())
    thing = Thing()
    ref = weakref.ref(thing)
    q.put(thing)
    del thing
    q.shutdown(immediate=True)
    gc.collect()
    assert ref() is None


def test_queue_in_a_cycle_with_itself(make):
    def scenario():
        q = make()
        q.put(q)
        q.me = q
        return weakref.ref(q)

    assert gone(scenario)


@pytest.mark.parametrize("attribute", [None, "queue", "not_full"])
def test_cycle_through_an_item(kind, attribute):
    def scenario():
        q, thing = getattr(hasten.queue, kind)(), Thing()
        if attribute:
            getattr(q, attribute)
        thing.home = q
        q.put(thing)
        return weakref.ref(thing)

    assert gone(scenario)


def test_simple_queue_in_a_cycle():
    def scenario():
        q, thing = hasten.queue.SimpleQueue(), Thing()
        q.put(thing)
        thing.home = q
        return weakref.ref(thing)

    assert gone(scenario)


@pytest.mark.parametrize("name", ["Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"])
def test_the_collector_sees_each_item_once(name):
    q, things = getattr(hasten.queue, name)(), [Thing() for _ in range(20)]
    for thing in things:
        q.put(thing)
    holders = [q] if name == "SimpleQueue" else [q, q._queue_state]
    seen = [found for found in gc.get_referents(*holders) if isinstance(found, Thing)]
    assert sorted(map(id, seen)) == sorted(map(id, things))
    assert all(map(gc.is_tracked, holders))


def test_deeply_nested_queues_are_freed():
    q = hasten.queue.Queue()
    for _ in range(100_000):
        outer = hasten.queue.Queue()
        outer.put(q)
        q = outer
    ref = weakref.ref(q)
    del q, outer
    gc.collect()
    assert ref() is None


def test_finalizer_that_uses_the_queue_being_emptied(kind):
    class Returning(Thing):
        def __del__(self):
            sizes.append(q.qsize())

    q, sizes = getattr(hasten.queue, kind)(), []
    for _ in range(10):
        q.put(Returning())
    q.shutdown(immediate=True)
    gc.collect()
    assert sizes == [0] * 10


@flat
def test_a_million_operations_in_flat_memory(kind):
    q, process = getattr(hasten.queue, kind)(), psutil.Process()
    simple = hasten.queue.SimpleQueue()

    def work(rounds):
        for i in range(rounds):
            q.put((i, i))
            simple.put((i, i))
            q.get()
            simple.get()
            q.task_done()

    work(20_000)
    gc.collect()
    before = process.memory_info().rss
    work(170_000)
    gc.collect()
    assert process.memory_info().rss - before < 4_000_000


# In a process of its own: glibc's malloc gives less back once a large block was freed (mallopt(3), dynamic
# mmap threshold), as other tests do.
BURST = """
import psutil
from hasten.queue import Queue

q = Queue()
q.put_many([None] * 3_000_000)
before = psutil.Process().memory_info().rss
while not q.empty():
    q.get_many(100_000)
print(before - psutil.Process().memory_info().rss)
"""


@flat
def test_memory_of_a_burst_is_given_back(python):
    assert int(python(BURST)) > 10_000_000


NESTED = """
import gc, threading, weakref
from hasten import queue

def nest(make):
    inner = make()
    inner.put(0)
    for _ in range(200_000):
        outer = make()
        outer.put(inner)
        inner = outer
    inner.put(Mark())
    return inner

class Mark:
    def __lt__(self, other): return False
    def __del__(self): freed.append(1)

freed = []
def work():
    for make in (queue.SimpleQueue, queue.Queue, queue.LifoQueue):
        q = nest(make)
        del q
        gc.collect()
        q = nest(make)
        q.put(q)  # a cycle: the collector empties it
        del q
        gc.collect()

threading.stack_size(128 * 1024)
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(len(freed))
"""


def test_deeply_nested_queues_need_no_stack(python):
    assert python(NESTED).strip() == "6"
