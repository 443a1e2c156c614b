"""Many threads at once: nothing lost, nothing doubled, and each producer's items in its order."""

import sys
import threading

import pytest

import hasten.queue

ITEMS = 300
PRODUCERS = CONSUMERS = 3


@pytest.fixture(autouse=True)
def switch_often():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_the_gil_is_off_where_it_can_be():
    import sysconfig

    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("this build has a GIL")
    assert sys._is_gil_enabled() is False


def produce(q, start, number, way):
    items = [(i, number) for i in range(ITEMS)]
    start.wait(30)
    if way == "many":
        q.put_many(items)
        return
    for item in items:
        while True:
            try:
                q.put(item, timeout={"block": None, "timeout": 0.0002}[way])
                break
            except hasten.queue.Full:
                continue


def consume(q, start, way):
    got = []
    start.wait(30)
    while True:
        try:
            if way == "many":
                taken = q.get_many(5)
            else:
                taken = [q.get(timeout={"block": None, "timeout": 0.0002}[way])]
        except hasten.queue.Empty:
            continue
        except hasten.queue.ShutDown:
            return got
        got += taken
        for _ in taken:
            q.task_done()


def make(kind, state, maxsize):
    cls = getattr(hasten.queue, kind)
    if state == "hooked":
        cls = type("Hooked", (cls,), {"_put": lambda self, item, put=cls._put: put(self, item)})
    return cls(maxsize)


@pytest.mark.parametrize("state", ["plain", "hooked", "seen meanwhile", "patched meanwhile"])
@pytest.mark.parametrize("maxsize", [0, 1, 7])
@pytest.mark.parametrize("way", ["block", "timeout", "many"])
def test_nothing_lost_nothing_doubled(kind, state, maxsize, way, spawn):
    q, start = make(kind, state, maxsize), threading.Barrier(PRODUCERS + CONSUMERS + 1)
    consumers = [spawn(consume, q, start, way) for _ in range(CONSUMERS)]
    producers = [spawn(produce, q, start, number, way) for number in range(PRODUCERS)]
    start.wait(30)
    if state == "seen meanwhile":
        _ = q.mutex
    elif state == "patched meanwhile":
        for _ in range(10):
            q._put = lambda item: type(q)._put(q, item)
            del q._put
    for producer in producers:
        producer.result()
    assert q.join(timeout=30)
    q.shutdown()
    got = [consumer.result() for consumer in consumers]
    assert sorted(item for part in got for item in part) == sorted(
        (i, number) for i in range(ITEMS) for number in range(PRODUCERS)
    )
    if kind == "Queue":
        for part in got:
            for number in range(PRODUCERS):
                mine = [i for i, producer in part if producer == number]
                assert mine == sorted(mine)


@pytest.mark.parametrize("immediate", [False, True])
def test_shutdown_in_the_middle(kind, immediate, spawn):
    for _ in range(30):
        q, start = getattr(hasten.queue, kind)(5), threading.Barrier(5)

        def put(number, q=q, start=start):
            start.wait(30)
            count = 0
            try:
                while True:
                    q.put((count, number))
                    count += 1
            except hasten.queue.ShutDown:
                return count

        putters = [spawn(put, number) for number in range(2)]
        getters = [spawn(consume, q, start, "block") for _ in range(2)]
        start.wait(30)
        q.shutdown(immediate=immediate)
        count = sum(putter.result() for putter in putters)
        got = [item for getter in getters for item in getter.result()]
        assert len(got) == len(set(got))
        assert q.qsize() == 0
        assert len(got) <= count if immediate else len(got) == count
        assert q.join(timeout=30)


def test_join_sees_a_mutex_that_appears_meanwhile(spawn):
    for _ in range(100):
        q, start = hasten.queue.Queue(), threading.Barrier(3)
        q.put(1)

        def at_once(call, start=start):
            start.wait(30)
            return call()

        tasks = [
            spawn(at_once, call)
            for call in [lambda q=q: q.join(timeout=20), q.task_done, lambda q=q: q.mutex]
        ]
        assert tasks[0].result() is True


def test_attributes_set_and_read_at_once(spawn):
    q = hasten.queue.Queue()

    def write():
        for i in range(3000):
            q.maxsize = 10**9 + i

    def read():
        for _ in range(3000):
            assert q.maxsize == 0 or q.maxsize >= 10**9
            assert not q.full()

    for task in [spawn(write), spawn(read), spawn(read)]:
        task.result()


def test_simple_queue(spawn):
    q, start = hasten.queue.SimpleQueue(), threading.Barrier(PRODUCERS + CONSUMERS)
    end = object()

    def put(number):
        start.wait(30)
        for i in range(2000):
            q.put((number, i))

    def get():
        start.wait(30)
        return list(iter(q.get, end))

    getters = [spawn(get) for _ in range(CONSUMERS)]
    for putter in [spawn(put, number) for number in range(PRODUCERS)]:
        putter.result()
    for _ in getters:
        q.put(end)
    got = [getter.result() for getter in getters]
    assert sorted(sum(got, [])) == [(number, i) for number in range(PRODUCERS) for i in range(2000)]
    for part in got:
        for number in range(PRODUCERS):
            mine = [i for producer, i in part if producer == number]
            assert mine == sorted(mine)
