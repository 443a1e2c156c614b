"""shutdown(): what it does to calls that come later and to those that wait."""

import pytest

pytestmark = pytest.mark.ours_without("ShutDown")
ENDINGS = [False, True]


@pytest.mark.parametrize("immediate", ENDINGS)
def test_empty_queue(impl, kind, immediate):
    q = getattr(impl, kind)()
    assert q.is_shutdown is False
    q.shutdown(immediate)
    assert q.is_shutdown is True
    for call in [q.get, q.get_nowait, lambda: q.put(1), lambda: q.put_nowait(1), lambda: q.get(timeout=60)]:
        with pytest.raises(impl.ShutDown):
            call()
    q.join()


def test_items_can_still_be_taken(impl, kind):
    q = getattr(impl, kind)(2)
    q.put(1)
    q.put(2)
    q.shutdown()
    with pytest.raises(impl.ShutDown):
        q.put(3)
    assert sorted([q.get(), q.get_nowait()]) == [1, 2]
    with pytest.raises(impl.ShutDown):
        q.get()
    assert q.unfinished_tasks == 2
    q.task_done()
    q.task_done()
    q.join()


def test_immediate_drops_the_items(impl, kind):
    q = getattr(impl, kind)()
    for item in range(5):
        q.put(item)
    q.get()
    q.shutdown(immediate=True)
    assert (q.qsize(), q.unfinished_tasks) == (0, 1)
    with pytest.raises(impl.ShutDown):
        q.get()
    q.task_done()
    q.join()


def test_twice(impl, kind):
    q = getattr(impl, kind)()
    q.put(1)
    q.shutdown()
    q.shutdown()
    assert q.qsize() == 1
    q.shutdown(immediate=True)
    assert q.qsize() == 0


@pytest.mark.parametrize("immediate", ENDINGS)
@pytest.mark.parametrize("seen", [False, True])
def test_blocked_getters_and_putters(impl, kind, immediate, seen, spawn):
    empty, full = getattr(impl, kind)(), getattr(impl, kind)(1)
    full.put(0)
    if seen:
        _ = empty.mutex, full.mutex
    blocked = [spawn(empty.get).settle() for _ in range(3)]
    blocked += [spawn(empty.get, timeout=60).settle() for _ in range(2)]
    blocked += [spawn(full.put, item).settle() for item in range(3)]
    empty.shutdown(immediate)
    full.shutdown(immediate)
    for task in blocked:
        with pytest.raises(impl.ShutDown):
            task.result()


def test_immediate_lets_joiners_go(impl, kind, spawn):
    q = getattr(impl, kind)()
    q.put(1)
    q.put(2)
    joiners = [spawn(q.join).settle() for _ in range(2)]
    q.shutdown(immediate=True)
    for joiner in joiners:
        joiner.result()


def test_joiners_wait_for_the_rest_otherwise(impl, kind, spawn):
    q = getattr(impl, kind)()
    q.put(1)
    joiner = spawn(q.join).settle()
    q.shutdown()
    joiner.settle()
    assert joiner.is_alive()
    q.get()
    q.task_done()
    joiner.result()


def test_is_shutdown_may_be_set(impl, kind):
    q = getattr(impl, kind)()
    q.is_shutdown = True
    with pytest.raises(impl.ShutDown):
        q.put(1)
    q.is_shutdown = False
    q.put(1)
    assert q.get() == 1


def test_hooks_are_used_to_drain(impl):
    taken = []

    class Recording(impl.Queue):
        def _get(self):
            item = super()._get()
            taken.append(item)
            return item

    q = Recording()
    for item in range(3):
        q.put(item)
    q.shutdown(immediate=True)
    assert taken == [0, 1, 2]


def test_shutdown_by_a_hook_wakes_everybody(spawn, until):
    from hasten.queue import Queue

    class Closing(Queue):
        def _put(self, item):
            super()._put(item)
            self.shutdown()

    q = Closing()
    getters = [spawn(q.get).settle() for _ in range(3)]
    try:
        q.put("only")
        until(lambda: not any(getter.is_alive() for getter in getters), seconds=10)
    finally:
        q.shutdown()
    assert sorted(getter.value or type(getter.error).__name__ for getter in getters) == ["ShutDown"] * 2 + [
        "only"
    ]


@pytest.mark.parametrize("immediate", ENDINGS)
def test_simple_queue(immediate, spawn):
    from hasten.queue import ShutDown, SimpleQueue

    q, empty = SimpleQueue(), SimpleQueue()
    q.put(1)
    getters = [spawn(empty.get).settle() for _ in range(3)]
    q.shutdown(immediate=immediate)
    empty.shutdown(immediate=immediate)
    for getter in getters:
        with pytest.raises(ShutDown):
            getter.result()
    with pytest.raises(ShutDown):
        q.put(2)
    if not immediate:
        assert q.get() == 1
    with pytest.raises(ShutDown):
        q.get()
    assert q.is_shutdown and q.empty()
