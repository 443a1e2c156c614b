"""Locks and hooks of a Queue used directly, and overridden in the middle of its life."""

import queue
import sys
import threading
import types

from prelude import say, trial


class Unique(queue.Queue):
    def _init(self, maxsize):
        self.seen = set()
        super()._init(maxsize)

    def _put(self, item):
        if item not in self.seen:
            self.seen.add(item)
            super()._put(item)


class Dropping(queue.Queue):
    def put(self, item, block=True, timeout=None):
        with self.mutex:
            while self._qsize() >= self.maxsize:
                self._get()
                self.unfinished_tasks -= 1
            self._put(item)
            self.unfinished_tasks += 1
            self.not_empty.notify()


class Peeking(queue.PriorityQueue):
    def peek(self):
        with self.mutex:
            return self.queue[0]

    def _get(self):
        return super()._get()[1]


class ListQueue(queue.Queue):
    def _init(self, maxsize):
        self.items = []

    def _qsize(self):
        return len(self.items)

    def _put(self, item):
        self.items.append(item)

    def _get(self):
        return self.items.pop()


unique = Unique()
for item in (1, 2, 1, 3, 2):
    unique.put(item)
say(unique.qsize(), [unique.get() for _ in range(3)], unique.unfinished_tasks)
dropping = Dropping(2)
for item in range(5):
    dropping.put(item)
say(list(dropping.queue), dropping.unfinished_tasks, dropping.full())
peeking = Peeking()
peeking.put((2, "b"))
peeking.put((1, "a"))
say(peeking.peek(), peeking.get(), peeking.queue)
listed = ListQueue(3)
for item in range(3):
    listed.put(item)
trial(lambda: listed.put_nowait(3))
say([listed.get() for _ in range(3)])

q = queue.Queue(3)
q.put(1)
with q.mutex:
    say(q._qsize(), len(q.queue), list(q.queue))
    q.queue.clear()
    q.unfinished_tasks = 0
    q.all_tasks_done.notify_all()
    q.not_full.notify_all()

say(q.empty(), q.qsize())
q.queue.extend("abcd")
say(q.qsize(), q.full(), q.get(), q.queue)
q.queue.appendleft("first")
say(q.get())
q.maxsize = 10
q.put("e")
say(q.maxsize, q.qsize())
with q.not_empty:
    q.queue.append("under the lock")
    q.not_empty.notify()
say(q.qsize())
trial(lambda: [q.task_done() for _ in range(20)])
q.unfinished_tasks = 1
q.task_done()
q.queue = type(q.queue)([1, 2, 3])
say(q.get(), q.qsize())
say(q.mutex is q.not_empty._lock, q.not_full._lock is q.mutex, q.all_tasks_done._lock is q.mutex)
q.put = types.MethodType(lambda self, item: say("instance put", item), q)
q.put(5)
del q.put
q._get = lambda: "instance _get"
say(q.get())
del q._get
q._put = lambda item: say("instance _put", item)
q.put(9)
del q._put
original = queue.Queue._get
queue.Queue._get = lambda self: ("class _get", original(self))
say(q.get(), queue.Queue(0).qsize())
queue.Queue._get = original
q.mutex = threading.Lock()
q.anything = 1
trial(lambda: queue.Queue("x").put(1))
trial(lambda: queue.Queue(None))
trial(lambda: queue.Queue(-1).full())
trial(lambda: queue.Queue(maxsize=1, more=2))
trial(lambda: q.get(timeout=-1))
trial(lambda: q.put(1, timeout=-1))
trial(lambda: q.get(False))
q = queue.Queue()
trial(lambda: q.get(True, 0.01))
trial(lambda: q.get(block=False, timeout=-5))
trial(lambda: q.get_nowait())
trial(lambda: q.get(True, "x"))
trial(lambda: queue.PriorityQueue().put(1, 2, 3, 4))
pq = queue.PriorityQueue()
pq.put((1, object()))
trial(lambda: pq.put((1, object())))


class Simple(queue.SimpleQueue):
    def put(self, item, block=True, timeout=None):
        return super().put(("wrapped", item), block, timeout)


simple = Simple()
simple.put(1)
simple.put_nowait(2)
say(simple.get(), simple.get_nowait(), simple.empty(), simple.qsize())
trial(lambda: simple.get(timeout=-1))
trial(lambda: simple.get_nowait())
trial(lambda: simple.get(True, 0.01))
simple.own = 1
say(vars(simple))
trial(lambda: setattr(queue.SimpleQueue(), "x", 1))
trial(lambda: queue.SimpleQueue(1))
say(queue.Queue[int])
if sys.version_info >= (3, 13):
    q.put(1)
    q.shutdown()
    trial(lambda: q.put(1))
    say(q.get())
    trial(q.get)
    say(q.is_shutdown)
    q.is_shutdown = False
    q.put(2)
    q.shutdown(immediate=True)
    trial(q.get)
