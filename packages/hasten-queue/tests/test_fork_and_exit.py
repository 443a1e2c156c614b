"""fork() with sleepers of every sort, and the end of the interpreter."""

import sys
import threading

import pytest
from support.forked import in_child, needs_fork

import hasten.queue

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def use(q):
    """Each operation once, with a second thread."""
    item = object() if not isinstance(q, hasten.queue.PriorityQueue) else 7
    getter = threading.Thread(target=lambda: got.append(q.get(timeout=20)))
    got = []
    getter.start()
    q.put(item)
    getter.join(20)
    assert got == [item]
    q.put(item)
    assert q.get_nowait() is item


def sleepers(q, full, spawn):
    tasks = [spawn(q.get).settle() for _ in range(3)]
    tasks += [spawn(full.put, item).settle() for item in range(2)]
    tasks += [spawn(full.join).settle()]
    return tasks


@needs_fork
@pytest.mark.parametrize("state", ["plain", "hooked", "seen"])
def test_fork_with_sleepers(kind, state, spawn):
    cls = getattr(hasten.queue, kind)
    if state == "hooked":
        cls = type("Hooked", (cls,), {"_qsize": lambda self: cls_qsize(self)})
        cls_qsize = getattr(hasten.queue, kind)._qsize
    q, full = cls(), cls(1)
    full.put(0)
    if state == "seen":
        _ = q.mutex, full.mutex
    tasks = sleepers(q, full, spawn)

    def check():
        if state != "seen":
            use(q)
        else:
            for item in range(4):  # the conditions still count the sleepers that are gone
                q.put(item)
            assert len([q.get() for _ in range(4)]) == 4
        assert full.get() == 0
        full.task_done()
        assert full.join(timeout=20)
        full.put(1)

    in_child(check)
    for item in range(3):
        q.put(item)
    assert [full.get(timeout=20) for _ in range(3)][0] == 0
    for _ in range(3):
        full.task_done()
    for task in tasks:
        task.result()


@needs_fork
def test_fork_with_sleepers_of_a_simple_queue(spawn):
    q = hasten.queue.SimpleQueue()
    tasks = [spawn(q.get).settle() for _ in range(3)]
    in_child(lambda: use(q))
    for item in range(3):
        q.put(item)
    assert sorted(task.result() for task in tasks) == [0, 1, 2]


class Gated(hasten.queue.Queue):
    """Its _put waits inside the queue, so that others have to wait outside."""

    def __init__(self):
        super().__init__()
        self.inside, self.go = threading.Event(), threading.Event()

    def _put(self, item):
        if item == "slow":
            self.inside.set()
            assert self.go.wait(30)
        super()._put(item)


@needs_fork
def test_fork_while_a_thread_is_inside(spawn):
    q = Gated()
    owner = spawn(q.put, "slow")
    assert q.inside.wait(30)
    waiting = [spawn(q.put, item).settle() for item in range(3)]
    in_child(lambda: use(q))
    q.go.set()
    for task in [owner, *waiting]:
        task.result()
    assert q.get() == "slow"
    assert sorted(q.get_many(5)) == [0, 1, 2]


@needs_fork
def test_thread_of_the_child_is_not_taken_for_the_owner(spawn):
    """In the child a new thread may get the stack, and so the ident, of one that was inside."""
    q = Gated()
    owner = spawn(q.put, "slow")
    assert q.inside.wait(30)

    def check():
        problems = []

        def put_and_get():
            try:
                q.put("item")
                assert q.get(timeout=10) == "item"
            except BaseException as error:
                problems.append(error)

        for _ in range(4):
            thread = threading.Thread(target=put_and_get)
            thread.start()
            thread.join(20)
        assert problems == []

    in_child(check)
    q.go.set()
    owner.result()
    assert q.get() == "slow"


@needs_fork
def test_fork_by_the_thread_that_is_inside():
    class Forking(hasten.queue.Queue):
        def _put(self, item):
            in_child(lambda: None if in_hook(self) else 1 / 0)
            super()._put(item)

    def in_hook(q):
        with pytest.raises(hasten.queue.Empty):
            q.get_nowait()
        return True

    q = Forking()
    q.put(1)
    assert q.get() == 1


@needs_fork
def test_fork_while_others_are_at_it(spawn):
    """Whatever the other threads are about to do: in the child no guard is held by one of them.

    They share no variable with it: one that functions share is a cell, without a GIL a cell has a lock of the
    interpreter's, and that may be held for ever in a child.
    """
    q = hasten.queue.Queue()
    over = threading.Event()

    def churn(q, over):
        while not over.is_set():
            q.put(1)
            q.get()

    tasks = [spawn(churn, q, over) for _ in range(6)]
    try:
        for _ in range(60):
            in_child(lambda q=q: (q.put(2), q.get_nowait()))
    finally:
        over.set()
    for task in tasks:
        task.result()


@needs_fork
def test_grandchildren(spawn):
    q = hasten.queue.Queue()
    task = spawn(q.get).settle()
    in_child(lambda: (use(q), in_child(lambda: use(q)), use(q)))
    q.put(1)
    assert task.result() == 1


EXIT = """
import atexit, threading, time, {module} as queue
class Hooked(queue.Queue):
    def _get(self): return super()._get()
seen = queue.Queue(); seen.mutex
queues = [queue.Queue(), queue.LifoQueue(), queue.PriorityQueue(), queue.SimpleQueue(), Hooked(), seen]
full = queue.Queue(1); full.put(0)
def swallow(call):
    try: call()
    except Exception: pass
for q in queues:
    for _ in range(3): threading.Thread(target=swallow, args=(q.get,), daemon=True).start()
for call in [lambda: full.put(1), full.join, lambda: [q.get(timeout=0.001) for q in queues]]:
    threading.Thread(target=swallow, args=(call,), daemon=True).start()
def churn():
    q = queue.Queue()
    while True: q.put(1); q.get()
threading.Thread(target=churn, daemon=True).start()
class Late:
    def __init__(self): self.queues = queues[:4]
    def __del__(self):
        for q in self.queues: q.put(2)
late = Late(); late.me = late
keep = Late()
atexit.register(lambda: [q.put(1) for q in queues] + [full.get()])
print("end")
"""


@pytest.mark.parametrize("run", range(6))
def test_exit_with_threads_that_sleep(python, run):
    assert python(EXIT.format(module="hasten.queue")) == "end\n"


def test_items_left_at_exit(python):
    program = """
import hasten.queue as queue
class Item:
    def __del__(self): q.put(1) if q is not None else None
q = queue.Queue(); q.put(Item()); q.put(q)
p = queue.SimpleQueue(); p.put(p); p.put(Item())
print("end")
"""
    assert python(program) == "end\n"


FORK_IN_A_HANDLER = """
import os, signal, threading, time
from hasten import queue

class Hooked(queue.Queue):
    def _qsize(self):
        return super()._qsize()

def when_main_sleeps(act):
    def wait():
        while open(f"/proc/self/task/{os.getpid()}/stat").read().rpartition(")")[2].split()[0] != "S":
            time.sleep(0.001)
        act()
    threading.Thread(target=wait).start()

def handler(*_):
    children.append(os.fork())
    when_main_sleeps(let_go)

parent = os.getpid()
signal.signal(signal.SIGUSR1, handler)
CASES = [("get", queue.Queue), ("get", Hooked), ("get", queue.SimpleQueue), ("put", queue.Queue)]
for call, make in [*CASES, ("join", queue.Queue)]:
    children, q = [], make() if call == "get" else make(1)
    if call == "get":
        let_go, wait = lambda: q.put(1), q.get
    else:
        q.put(0)
        let_go, wait = (q.get, lambda: q.put(1)) if call == "put" else (q.task_done, q.join)
    when_main_sleeps(lambda: os.kill(parent, signal.SIGUSR1))
    wait()
    while not children:  # the signal came late
        time.sleep(0.001)
    if children == [0]:
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 7, call
    print(call)
"""


@needs_fork
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc whether a thread sleeps")
def test_fork_in_a_handler_while_waiting(python):
    assert python(FORK_IN_A_HANDLER, "-W", "ignore").split() == ["get", "get", "get", "put", "join"]
