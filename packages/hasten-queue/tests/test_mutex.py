"""The mutex, the conditions and the container, which users may see, hold, notify and replace."""

import threading
from collections import deque

import pytest

CONDITIONS = ["not_empty", "not_full", "all_tasks_done"]


def test_container_shows_the_items(impl):
    for name, expected in [("Queue", [3, 1, 2]), ("LifoQueue", [3, 1, 2]), ("PriorityQueue", [1, 3, 2])]:
        q = getattr(impl, name)()
        for item in [3, 1, 2]:
            q.put(item)
        assert list(q.queue) == expected
        assert type(q.queue) is (deque if name == "Queue" else list)
        assert q.queue is q.queue
        assert q.queue[0] == expected[0]


def test_changed_container_counts(impl, kind):
    q = getattr(impl, kind)()
    q.put(5)
    with q.mutex:
        q.queue.append(6)
    assert q.qsize() == 2
    assert {q.get(), q.get()} == {5, 6}
    q.put(7)
    with q.mutex:
        q.queue.clear()
    with pytest.raises(impl.Empty):
        q.get_nowait()
    q.put(8)
    assert q.get() == 8


def test_replaced_container(impl, kind):
    q = getattr(impl, kind)()
    q.put("old")
    q.queue = type(q.queue)([1, 2, 3])
    assert q.qsize() == 3
    q.put(4)
    assert sorted(q.get() for _ in range(4)) == [1, 2, 3, 4]


def test_the_conditions_share_the_mutex(impl, kind):
    q = getattr(impl, kind)()
    for name in CONDITIONS:
        condition = getattr(q, name)
        assert condition is getattr(q, name)
        with q.mutex:
            assert condition._is_owned()
        with condition:
            assert q.mutex.locked()
    assert q.mutex is q.mutex


@pytest.mark.parametrize("action", ["put", "get", "qsize", "task_done", "put_many", "shutdown"])
def test_held_mutex_blocks(kind, action, spawn):
    import hasten.queue

    q = getattr(hasten.queue, kind)()
    q.put(1)
    calls = {"put": lambda: q.put(2), "get": q.get, "qsize": q.qsize, "task_done": q.task_done,
             "put_many": lambda: q.put_many([2, 3]), "shutdown": q.shutdown}  # fmt: skip
    with q.mutex:
        task = spawn(calls[action]).settle()
        assert task.is_alive()
        assert len(q.queue) == 1 and q.unfinished_tasks == 1 and not q.is_shutdown
    task.result()


def test_getter_asleep_before_the_first_look(impl, kind, spawn):
    q = getattr(impl, kind)()
    early = spawn(q.get).settle()
    mutex = q.mutex
    late = spawn(q.get).settle()
    with mutex:
        q.queue.extend([1, 2])
        q.not_empty.notify(2)
    assert {early.result(), late.result()} == {1, 2}


def test_putter_asleep_before_the_first_look(impl, kind, spawn):
    q = getattr(impl, kind)(1)
    q.put(0)
    early = spawn(q.put, 1).settle()
    with q.mutex:
        q.queue.clear()
        q.not_full.notify()
    early.result()
    assert q.get() == 1


def test_joiner_asleep_before_the_first_look(impl, kind, spawn):
    q = getattr(impl, kind)()
    q.put(0)
    early = spawn(q.join).settle()
    with q.all_tasks_done:
        q.unfinished_tasks = 0
        q.all_tasks_done.notify_all()
    early.result()


def test_timeout_holds_over_the_first_look(impl, kind, spawn):
    q = getattr(impl, kind)()
    getter = spawn(q.get, timeout=0.2).settle()
    _ = q.mutex
    with pytest.raises(impl.Empty):
        getter.result()


def test_users_wait_on_the_conditions(impl, kind, spawn, until):
    q = getattr(impl, kind)(1)
    q.put(0)
    seen = []

    def waiting(name):
        condition = getattr(q, name)
        with condition:
            seen.append(name)
            assert condition.wait(30)

    waiters = [spawn(waiting, name) for name in ["not_full", "all_tasks_done", "not_empty"]]
    until(lambda: len(seen) == 3)
    with q.mutex:
        pass
    q.get()
    q.task_done()
    q.put(1)
    for waiter in waiters:
        waiter.result()


def test_everything_works_once_seen(impl, kind, spawn):
    q = getattr(impl, kind)(2)
    _ = q.mutex, q.queue
    getter = spawn(lambda: [q.get(timeout=30) for _ in range(200)])
    for item in range(200):
        q.put(item, timeout=30)
    assert sorted(getter.result()) == list(range(200))
    for _ in range(200):
        q.task_done()
    q.join()
    assert q.empty() and not q.full()


def test_replaced_mutex_and_conditions(impl, kind):
    """A recipe for a queue whose lock may be taken twice."""

    class Nested(getattr(impl, kind)):
        def __init__(self, maxsize=0):
            super().__init__(maxsize)
            self.mutex = threading.RLock()
            for name in CONDITIONS:
                setattr(self, name, threading.Condition(self.mutex))

    q = Nested(2)
    with q.mutex:
        q.put(1)
        assert q.qsize() == 1
        assert q.get() == 1
        q.task_done()
        q.join()


def test_replaced_mutex_alone(impl, kind):
    q = getattr(impl, kind)()
    q.mutex = threading.Lock()
    q.put(1)
    assert q.get() == 1
    q.task_done()
    assert q.qsize() == 0


def test_first_look_by_many_threads(impl, kind, spawn):
    for _ in range(20):
        q = getattr(impl, kind)()
        q.put(1)
        start = threading.Barrier(4)

        def look(q=q, start=start):
            start.wait(30)
            return q.mutex, q.not_empty, q.queue

        views = [task.result() for task in [spawn(look) for _ in range(4)]]
        assert len({tuple(map(id, view)) for view in views}) == 1
