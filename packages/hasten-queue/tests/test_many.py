"""put_many() and get_many()."""

import pytest

import hasten.queue
from hasten.queue import Empty, Full, Queue, ShutDown

ORDER = {"Queue": lambda items: items, "LifoQueue": lambda items: items[::-1], "PriorityQueue": sorted}


class Stop(Exception):
    pass


@pytest.fixture
def cls(kind):
    return getattr(hasten.queue, kind)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 1000])
def test_all_go_in_and_come_out(cls, kind, count):
    q, items = cls(), [(i * 7919) % 1009 for i in range(count)]
    assert q.put_many(iter(items)) == count
    assert (q.qsize(), q.unfinished_tasks) == (count, count)
    if count:
        assert q.get_many(count + 5) == ORDER[kind](items)
    assert q.empty()


def test_max_limits(cls):
    q = cls()
    q.put_many(range(10))
    assert [len(q.get_many(most)) for most in [1, 4, 100]] == [1, 4, 5]


@pytest.mark.parametrize(
    "most, error", [(0, ValueError), (-3, ValueError), ("a", TypeError), (None, TypeError)]
)
def test_bad_max(cls, most, error):
    q = cls()
    q.put(1)
    with pytest.raises(error):
        q.get_many(most)
    assert q.qsize() == 1


def test_get_many_of_an_empty_queue(cls):
    q = cls()
    with pytest.raises(Empty):
        q.get_many(3, block=False)
    with pytest.raises(Empty):
        q.get_many(3, timeout=0.001)
    with pytest.raises(ValueError):
        q.get_many(3, timeout=-1)
    q.shutdown()
    with pytest.raises(ShutDown):
        q.get_many(3)


def test_get_many_of_a_closed_queue_gives_the_rest(cls):
    q = cls()
    q.put_many([1, 2])
    q.shutdown()
    assert len(q.get_many(5)) == 2


@pytest.mark.parametrize("limits", [{"block": False}, {"timeout": 0}, {"timeout": 0.005}])
def test_full_tells_what_remains(cls, limits):
    q = cls(3)
    q.put(0)
    with pytest.raises(Full) as caught:
        q.put_many([1, 2, 3, 4], **limits)
    assert caught.value.remaining == [3, 4]
    assert (q.qsize(), q.unfinished_tasks) == (3, 3)


def test_shutdown_tells_what_remains(cls, spawn, until):
    q = cls(2)
    putter = spawn(q.put_many, range(5))
    until(q.full)
    q.shutdown()
    with pytest.raises(ShutDown):
        putter.result()
    assert putter.error.remaining == [2, 3, 4]


def test_bounded_with_a_consumer(cls, spawn):
    q = cls(3)
    putter = spawn(q.put_many, range(500), timeout=60)
    got = []
    while len(got) < 500:
        got += q.get_many(7, timeout=30)
    assert putter.result() == 500
    assert sorted(got) == list(range(500))


def test_wakes_as_many_getters_as_items(cls, spawn):
    q = cls()
    getters = [spawn(q.get).settle() for _ in range(4)]
    q.put_many(range(4))
    assert sorted(getter.result() for getter in getters) == [0, 1, 2, 3]


def test_wakes_as_many_putters_as_room(cls, spawn):
    q = cls(3)
    q.put_many(range(3))
    putters = [spawn(q.put, item).settle() for item in range(3, 6)]
    got = q.get_many(3)
    for putter in putters:
        putter.result()
    got += q.get_many(3)
    while len(got) < 6:
        got += q.get_many(3)
    assert sorted(got) == list(range(6))


def test_blocked_get_many_is_served(cls, spawn):
    q = cls()
    getter = spawn(q.get_many, 10).settle()
    q.put(1)
    assert getter.result() == [1]


def test_failing_iterable_puts_nothing(cls):
    def items():
        yield 1
        raise Stop

    q = cls()
    with pytest.raises(Stop):
        q.put_many(items())
    assert q.empty() and q.unfinished_tasks == 0
    with pytest.raises(TypeError):
        q.put_many(5)


def test_iterable_that_uses_the_queue(cls):
    q = cls()

    def items():
        for item in range(3):
            q.put(10 + item)
            yield item

    assert q.put_many(items()) == 3
    assert sorted(q.get_many(10)) == [0, 1, 2, 10, 11, 12]


def test_overridden_put_and_get_are_used(cls):
    class Doubling(cls):
        def put(self, item, block=True, timeout=None):
            super().put(2 * item, block, timeout)

        def get(self, block=True, timeout=None):
            return -super().get(block, timeout)

    q = Doubling()
    assert q.put_many([1, 2, 3]) == 3
    assert sorted(q.get_many(2) + q.get_many(5)) == [-6, -4, -2]


def test_overridden_put_that_raises(cls):
    class Picky(cls):
        def put(self, item, block=True, timeout=None):
            if item == 2:
                raise Stop
            super().put(item, block, timeout)

    q = Picky()
    with pytest.raises(Stop) as caught:
        q.put_many(range(5))
    assert caught.value.remaining == [2, 3, 4]
    assert q.qsize() == 2


def test_hooks_are_used():
    class Stack(Queue):
        def _get(self):
            return self.queue.pop()

    q = Stack()
    q.put_many(range(4))
    assert q.get_many(2) == [3, 2]
    assert q.get_many(9) == [1, 0]


def test_nothing_lost_when_a_hook_fails_half_way():
    class Failing(Queue):
        left = 3

        def _get(self):
            self.left -= 1
            if self.left == 0:
                raise Stop
            return super()._get()

    q = Failing()
    q.put_many(range(5))
    with pytest.raises(Stop) as caught:
        q.get_many(5)
    assert caught.value.taken + q.get_many(5) == list(range(5))
