"""patched(): what it replaces, that it puts everything back, and what code under test sees."""

import _thread
import logging
import queue
import sys
import threading
import types
from threading import Event, current_thread

import pytest

import hasten.dummy_threading as dummy
from hasten.dummy_threading import patched

NAMES = [
    "Lock",
    "RLock",
    "Condition",
    "Event",
    "Semaphore",
    "BoundedSemaphore",
    "Barrier",
    "local",
]
# out of the reach of patched()
real = types.SimpleNamespace(Lock=threading.Lock, Event=Event, Condition=threading.Condition)


class EarlyWorker(threading.Thread):
    """A class derived from the real Thread."""

    def __init__(self, function=lambda: None):
        super().__init__(name="early")
        self.function = function

    def run(self):
        self.seen = (threading.current_thread() is self, self.is_alive(), threading.get_ident() == self.ident)
        self.function()


@pytest.fixture(autouse=True)
def put_back(nothing_changed):
    """Each test here is watched."""


def test_names_in_threading():
    with patched():
        for name in NAMES:
            assert getattr(threading, name) is getattr(dummy, name), name
        assert threading.current_thread() is threading.main_thread() is not dummy.main_thread()
        assert threading.get_ident() == _thread.get_ident()


def test_names_that_a_module_has_taken():
    with patched():
        assert Event is dummy.Event
        seen = []
        threading.Thread(target=lambda: seen.append(current_thread().name), name="N").start()
        assert seen == ["N"]
    assert Event is threading.Event is real.Event


def test_it_is_put_back_after_an_exception():
    with pytest.raises(ZeroDivisionError), patched():
        assert threading.Lock is dummy.Lock
        raise ZeroDivisionError
    assert threading.Lock is real.Lock


def test_nested(world):
    with patched():
        inside = world()
        with patched(sleep=True), patched():
            assert world() == inside
        assert world() == inside
        with pytest.raises(ZeroDivisionError), patched(reraise=True):
            raise ZeroDivisionError
        assert world() == inside
    assert threading.Lock is real.Lock


def test_what_the_code_under_test_changes_is_put_back_too():
    with patched():
        threading.Lock = list
        threading.Thread.start = None
    assert threading.Lock is real.Lock


@patched()
def decorated():
    return threading.Lock is dummy.Lock


def test_as_a_decorator():
    assert decorated() and decorated() and threading.Lock is real.Lock


def test_it_is_used_again():
    cm = patched()
    for _ in range(3):
        with cm:
            assert threading.Lock is dummy.Lock
            with cm:
                assert threading.Lock is dummy.Lock
        assert threading.Lock is real.Lock


def test_a_failure_on_the_way_in_changes_nothing(monkeypatch):
    monkeypatch.setattr("hasten.dummy_threading._patched.names_of", lambda threading: 1 / 0)
    with pytest.raises(ZeroDivisionError), patched():
        raise AssertionError("not reached")
    assert threading.Lock is real.Lock


def test_options_are_those_of_the_innermost(sleeps):
    def wait():
        threading.Event().wait(1)
        return len(sleeps)

    with patched():
        assert wait() == 0
        with patched(sleep=True):
            assert wait() == 1
            with patched():
                assert wait() == 1
            assert wait() == 2
        assert wait() == 2
    dummy.Event().wait(1)
    assert len(sleeps) == 3


def test_options_are_keywords():
    with pytest.raises(TypeError):
        patched(True)


# ---- threads ----


def test_a_class_derived_from_the_real_thread():
    early = EarlyWorker()  # made before
    with patched():
        late = EarlyWorker()
        for worker in (early, late):
            assert not worker.is_alive() and worker.ident is None
            worker.start()
            assert worker.seen == (True, True, True) and not worker.is_alive()
            worker.join()
            with pytest.raises(RuntimeError, match="threads can only be started once"):
                worker.start()
    for worker in (early, late):
        worker.join()
        worker.join(1)
        assert not worker.is_alive() and isinstance(worker.ident, int) and "stopped" in repr(worker)
        assert isinstance(worker.native_id, int)
        with pytest.raises(RuntimeError, match="threads can only be started once"):
            worker.start()


def test_a_derived_class_that_forgets_init():
    class Careless(threading.Thread):
        def __init__(self):
            self.x = 1

    with patched(), pytest.raises(RuntimeError, match=r"thread.__init__\(\) not called"):
        Careless().start()


def test_a_derived_class_that_extends_start_and_join():
    calls = []

    class Stoppable(threading.Thread):
        def start(self):
            calls.append("start")
            super().start()

        def run(self):
            calls.append("run")

        def join(self, timeout=None):
            calls.append("join")
            super().join(timeout)

    with patched():
        worker = Stoppable()
        worker.start()
        worker.join()
    assert calls == ["start", "run", "join"]


def test_joining_oneself_and_an_outer_thread():
    errors = []

    def inner():
        assert outer.is_alive()
        with pytest.raises(RuntimeError, match="would wait for ever") as error:
            outer.join()
        errors.append(error)

    def run():
        with pytest.raises(RuntimeError, match="(?i)cannot join current thread") as error:
            outer.join()
        errors.append(error)
        threading.Thread(target=inner).start()

    outer = EarlyWorker(run)
    with patched(reraise=True):
        outer.start()
    assert len(errors) == 2 and not outer.is_alive()


@pytest.mark.parametrize("cancelled", [False, True])
def test_timers(cancelled):
    calls = []
    early, derived = threading.Timer(3600, calls.append, ["early"]), type("Derived", (threading.Timer,), {})
    with patched():
        late = threading.Timer(3600, calls.append, ["late"])
        for timer in (early, late, derived(3600, calls.append, ["derived"])):
            if cancelled:
                timer.cancel()
            timer.start()
            timer.join()
            assert not timer.is_alive() and timer.finished.is_set()
    assert calls == ([] if cancelled else ["early", "late", "derived"])


def test_low_level_starts():
    seen = []
    with patched():
        ident = _thread.start_new_thread(lambda *args: seen.append((threading.get_ident(), args)), (1,))
        assert seen == [(ident, (1,))]
        if hasattr(_thread, "start_joinable_thread"):
            assert _thread.start_joinable_thread(lambda: seen.append(2)).is_done() and seen[1] == 2


def test_no_thread_is_started(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a real thread")

    for module in (_thread, threading):
        for name in dir(module):
            if name.lstrip("_") in ("start_new_thread", "start_joinable_thread"):
                monkeypatch.setattr(module, name, refuse)
    seen = []
    with patched():
        threading.Thread(target=seen.append, args=[1]).start()
        threading.Timer(1, seen.append, [2]).start()
    assert seen == [1, 2]
    monkeypatch.undo()


def test_who_is_running():
    main, count = threading.main_thread(), threading.active_count()

    def inside():
        me = threading.current_thread()
        assert threading.enumerate()[-1] is me and main in threading.enumerate()
        assert threading.active_count() == count + 1 and threading.main_thread() is main
        with pytest.warns(DeprecationWarning, match=r"currentThread\(\) is deprecated, use current_th"):
            assert threading.currentThread() is me
        with pytest.warns(DeprecationWarning, match=r"activeCount\(\) is deprecated, use active_count\(\) "):
            assert threading.activeCount() == count + 1
        return me

    seen = []
    with patched(reraise=True):
        threading.Thread(target=lambda: seen.append(inside())).start()
        assert threading.active_count() == count and threading.current_thread() is main
    assert len(seen) == 1


def test_log_records_know_the_thread(caplog):
    with patched():
        threading.Thread(target=logging.warning, args=["from %s", "inside"], name="worker").start()
    assert [(r.threadName, r.getMessage()) for r in caplog.records] == [("worker", "from inside")]


def test_a_real_thread_beside():
    ready, go, seen = real.Event(), real.Event(), []

    def beside():
        ready.set()
        go.wait(30)
        seen.append((threading.current_thread() is thread, threading.get_ident() == thread.ident))
        seen.append(thread in threading.enumerate())

    thread = threading.Thread(target=beside)
    thread.start()
    ready.wait(30)
    with patched():
        go.set()
        thread.join(30)
    assert seen == [(True, True), True]


def test_local():
    seen = []
    with patched():
        local = threading.local()
        local.x = "main"
        threading.Thread(target=lambda: seen.append(hasattr(local, "x"))).start()
        assert seen == [False] and local.x == "main"


def test_classes_derived_from_real_ones():
    class OwnCondition(real.Condition):
        pass

    class OwnEvent(real.Event):
        pass

    with patched():
        event, condition = OwnEvent(), OwnCondition()
        assert event.wait(0.001) is False
        with pytest.raises(RuntimeError, match="would wait for ever"):
            event.wait()
        with condition, pytest.raises(RuntimeError, match="would wait for ever"):
            condition.wait()
        threading.Thread(target=event.set).start()
        assert event.wait() is True


# ---- what threads raise ----


def fail():
    raise ValueError("on purpose")


def test_threadings_excepthook_is_called(monkeypatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append((args.exc_type, args.thread)))
    with patched():
        threads = [threading.Thread(target=fail), EarlyWorker(fail)]
        for thread in threads:
            thread.start()
    assert seen == [(ValueError, thread) for thread in threads]
    monkeypatch.undo()


def test_reraise():
    with patched(reraise=True):
        for thread in (threading.Thread(target=fail), EarlyWorker(fail)):
            with pytest.raises(ValueError, match="on purpose"):
                thread.start()
            assert not thread.is_alive()
        threading.Thread(target=sys.exit).start()


def test_a_wait_without_end_in_a_thread():
    with patched(reraise=True):
        q = queue.Queue()
        with pytest.raises(RuntimeError, match="would wait for ever"):
            threading.Thread(target=q.get).start()
