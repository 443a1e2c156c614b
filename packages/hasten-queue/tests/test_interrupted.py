"""An exception at every step of Python code in an operation: nothing is lost, nobody is left asleep."""

import sys
import threading
from unittest import mock

import pytest

import hasten.queue as ours


class Injected(BaseException):
    pass


def each_line(prepare, act, check):
    """act(prepare()) again and again, with an exception at another line of Python code; then check()."""
    step = 0
    while True:
        step += 1
        left = step

        def tracer(frame, event, arg):
            nonlocal left
            if event == "line" and frame.f_code.co_filename == threading.__file__:
                left -= 1
                if left == 0:
                    raise Injected(f"line {frame.f_lineno}")
            return tracer

        subject = prepare()
        raised = False
        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            act(subject)
        except Injected:
            raised = True
        finally:
            sys.settrace(before)
        check(subject, raised)
        if not raised:
            return step


def shared(kind, maxsize=0):
    q = getattr(ours, kind)(maxsize)
    _ = q.mutex  # real conditions, whose code is Python's
    return q


def is_free(mutex):
    """Nobody keeps it: those who were woken have it for a moment only."""
    return mutex.acquire(timeout=30) and not mutex.release()


def test_put(kind, spawn):
    def prepare():
        q = shared(kind)
        return q, spawn(q.get).settle()

    def check(subject, raised):
        q, getter = subject
        assert is_free(q.mutex)
        if raised:
            assert q.qsize() == q.unfinished_tasks == 0
            q.put(1)
        assert getter.result() == 1
        assert (q.qsize(), q.unfinished_tasks) == (0, 1)

    assert each_line(prepare, lambda subject: subject[0].put(1), check) > 3


def test_get(kind, spawn):
    def prepare():
        q = shared(kind, 1)
        q.put(1)
        return q, spawn(q.put, 2).settle()

    def check(subject, raised):
        q, putter = subject
        if raised:
            assert q.get() == 1
        putter.result()
        assert q.get() == 2 and is_free(q.mutex)

    assert each_line(prepare, lambda subject: subject[0].get(), check) > 3


def test_task_done(kind, spawn):
    def prepare():
        q = shared(kind)
        q.put(1)
        return q, spawn(q.join).settle()

    def check(subject, raised):
        q, joiner = subject
        if raised:
            assert q.unfinished_tasks == 1
            q.task_done()
        joiner.result()
        assert is_free(q.mutex) and q.unfinished_tasks == 0

    assert each_line(prepare, lambda subject: subject[0].task_done(), check) > 3


@pytest.mark.parametrize("immediate", [False, True])
def test_shutdown(kind, immediate, spawn):
    def prepare():
        q, full = shared(kind), shared(kind, 1)
        full.put(1)
        return q, full, [spawn(q.get).settle(), spawn(full.put, 2).settle(), spawn(full.join).settle()]

    def act(subject):
        for q in subject[:2]:
            q.shutdown(immediate)

    def check(subject, raised):
        q, full, (getter, putter, joiner) = subject
        for closed in (q, full):
            if not closed.is_shutdown:
                closed.shutdown(immediate)
        for task in (getter, putter):
            with pytest.raises(ours.ShutDown):
                task.result()
        if not immediate:
            assert full.get() == 1
            full.task_done()
        elif full.qsize():  # interrupted before it was emptied
            full.shutdown(immediate=True)
        joiner.result()
        assert is_free(q.mutex) and is_free(full.mutex)

    assert each_line(prepare, act, check) > 3


HOOKS = {"_qsize": lambda q: q.put(1), "_put": lambda q: q.put(1), "_get": lambda q: q.get()}


@pytest.mark.parametrize("shared_too", [False, True])
@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_raises_leaves_the_queue_usable(impl, kind, hook, shared_too, spawn):
    cls = getattr(impl, kind)
    q = cls(2)
    q.put(0)
    if shared_too:
        _ = q.mutex
    with mock.patch.object(cls, hook, side_effect=Injected), pytest.raises(Injected):
        HOOKS[hook](q)
    assert q.get(timeout=20) == 0 and q.unfinished_tasks == 1
    waiting = spawn(q.get).settle()
    q.put(5)
    assert waiting.result() == 5


class Moody:
    """Compares by number; raises when told to."""

    def __init__(self, number):
        self.number, self.fail = number, False

    def __lt__(self, other):
        if self.fail or other.fail:
            raise Injected
        return self.number < other.number


@pytest.mark.parametrize("call", ["put", "get"])
@pytest.mark.parametrize("failing", range(8))
def test_a_comparison_that_raises_loses_nothing(call, failing):
    q, things = ours.PriorityQueue(), [Moody(number) for number in (3, 1, 2, 5, 4, 7, 6, 0)]
    for thing in things:
        q.put(thing)
    things[failing].fail = True
    new, raised, found = Moody(8), False, []
    try:
        q.put(new) if call == "put" else found.append(q.get())
    except Injected:
        raised = True
    things[failing].fail = False
    if call == "put" and not raised:
        things.append(new)
    assert q.unfinished_tasks == len(things)
    rest = [q.get_nowait().number for _ in range(q.qsize())]
    assert rest == sorted(rest)
    assert sorted([thing.number for thing in found] + rest) == sorted(thing.number for thing in things)


def test_an_item_that_raises_when_it_is_dropped(kind, capsys):
    class Loud:
        number = 0

        def __lt__(self, other):
            return id(self) < id(other)

        def __del__(self):
            Loud.number += 1
            raise Injected

    q = getattr(ours, kind)()
    with mock.patch.object(sys, "unraisablehook", lambda error: None):
        for _ in range(3):
            q.put(Loud())
        q.shutdown(immediate=True)
        assert (Loud.number, q.qsize(), q.unfinished_tasks) == (3, 0, 0)
        q.is_shutdown = False
        q.put(Loud())
        del q
    assert Loud.number == 4


def test_get_when_another_thread_has_the_mutex(kind, spawn):
    """An exception right after the condition has released the mutex, which another thread takes at once."""
    q = shared(kind)
    wait = threading.Condition.wait.__code__

    def tracer(frame, event, arg):
        if frame.f_code is wait and event == "line" and q.mutex.acquire(False):
            raise Injected  # for another thread: any may release it
        return tracer

    def get():
        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            q.get()
        finally:
            sys.settrace(before)

    getter = spawn(get).settle()
    q.mutex.release()  # it is still held
    with pytest.raises(Injected):
        getter.result()
    assert is_free(q.mutex)
    other = spawn(q.get).settle()
    q.put(1)
    assert other.result() == 1
