"""Ours and the standard library's queue driven in step, and items counted under random interrupts."""

import queue
import random
import signal
import threading

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import hasten.queue

ERRORS = (queue.Empty, queue.Full, hasten.queue.ShutDown, ValueError)
HAS_SHUTDOWN = hasattr(queue, "ShutDown")


class InStep(RuleBasedStateMachine):
    """Each operation is done on both; results and errors must be the same."""

    @initialize(kind=st.sampled_from(["Queue", "LifoQueue", "PriorityQueue"]), maxsize=st.integers(-1, 6))
    def make(self, kind, maxsize):
        bases = [getattr(module, kind) for module in (queue, hasten.queue)]
        self.classes = [type("Sub", (base,), {}) for base in bases]
        self.both = [cls(maxsize) for cls in self.classes]

    def same(self, call):
        outcomes = []
        for q in self.both:
            try:
                outcomes.append(call(q))
            except ERRORS as error:
                outcomes.append((type(error), str(error)))
        assert outcomes[0] == outcomes[1]

    @rule(item=st.integers(0, 9))
    def put_nowait(self, item):
        self.same(lambda q: q.put_nowait(item))

    @rule(item=st.integers(0, 9), timeout=st.sampled_from([-1, 0]))
    def put(self, item, timeout):
        self.same(lambda q: q.put(item, timeout=timeout))

    @rule(timeout=st.sampled_from([-1, 0]))
    def get(self, timeout):
        self.same(lambda q: q.get(timeout=timeout))

    @rule()
    def get_nowait(self):
        self.same(lambda q: q.get_nowait())

    @rule(items=st.lists(st.integers(0, 9), max_size=12))
    def put_many(self, items):
        left = list(items)
        try:
            while left:
                self.both[0].put_nowait(left[0])
                del left[0]
        except ERRORS as error:
            with pytest.raises(type(error)) as caught:
                self.both[1].put_many(items, block=False)
            assert caught.value.remaining == left
        else:
            assert self.both[1].put_many(items, block=False) == len(items)

    @rule(most=st.integers(1, 12))
    def get_many(self, most):
        got = []
        try:
            while len(got) < most:
                got.append(self.both[0].get_nowait())
        except ERRORS as error:
            if not got:
                with pytest.raises(type(error)):
                    self.both[1].get_many(most, block=False)
                return
        assert self.both[1].get_many(most, block=False) == got

    @rule()
    def task_done(self):
        self.same(lambda q: q.task_done())

    @rule(maxsize=st.integers(-1, 6))
    def set_maxsize(self, maxsize):
        self.same(lambda q: setattr(q, "maxsize", maxsize))

    @rule()
    def look_inside(self):
        self.same(lambda q: list(q.queue))

    @rule()
    def hold_the_mutex(self):
        def clear(q):
            with q.mutex:
                q.queue.clear()

        self.same(clear)

    @rule(on_class=st.booleans())
    def patch(self, on_class):
        for q, cls in zip(self.both, self.classes):
            where = cls if on_class else q
            original = cls.__mro__[1]._put

            def put(*args, q=q, original=original):
                original(q, args[-1] + 100)

            where._put = put

    @rule()
    def put_back(self):
        for q, cls in zip(self.both, self.classes):
            for where in (q, cls):
                if "_put" in vars(where):
                    del where._put

    @precondition(lambda self: HAS_SHUTDOWN)
    @rule(immediate=st.booleans(), again=st.booleans())
    def shutdown(self, immediate, again):
        self.same(lambda q: q.shutdown(immediate))
        if again:
            self.same(lambda q: setattr(q, "is_shutdown", False))

    @invariant()
    def looks_the_same(self):
        if hasattr(self, "both"):
            self.same(lambda q: (q.qsize(), q.empty(), q.full(), q.unfinished_tasks, q.maxsize))


TestInStep = InStep.TestCase
TestInStep.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


class Interrupt(Exception):
    pass


@pytest.mark.parametrize("state", ["plain", "hooked", "seen"])
def test_no_item_is_lost_to_an_interrupt(kind, state, spawn):
    """The main thread is interrupted at random points; whatever it put is delivered once."""
    cls = getattr(hasten.queue, kind)
    if state == "hooked":
        cls = type("Hooked", (cls,), {"_qsize": lambda self, size=cls._qsize: size(self)})
    there, back, over = cls(2), cls(2), threading.Event()
    if state == "seen":
        _ = there.mutex, back.mutex

    def echo():
        try:
            while True:
                back.put(there.get())
        except hasten.queue.ShutDown:
            pass

    def annoy():
        rng = random.Random(kind + state)
        while not over.wait(rng.random() * 0.002):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    armed = False

    def handle(*_):
        if armed:
            raise Interrupt

    before = signal.signal(signal.SIGUSR1, handle)
    threads = [spawn(echo), spawn(annoy)]
    interrupts, sent, got = 0, 0, []
    try:
        while sent < 300:
            size = there.unfinished_tasks
            try:
                armed = True
                there.put(sent, timeout=0.01)
                armed = False
            except Interrupt:
                armed = False
                interrupts += 1
            except hasten.queue.Full:
                armed = False
            sent += there.unfinished_tasks - size
            got += take(back)
        while len(got) < sent:
            got += take(back)
    finally:
        armed = False
        over.set()
        there.shutdown(immediate=True)
        back.shutdown(immediate=True)
        for thread in threads:
            thread.result()
        signal.signal(signal.SIGUSR1, before)
    assert sorted(got) == list(range(sent))


def take(q):
    try:
        return q.get_many(3, timeout=0.001)
    except hasten.queue.Empty:
        return []
