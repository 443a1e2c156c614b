"""Thread and Timer as Python objects: attributes, subclasses, interrupted starts."""

from __future__ import annotations

import _thread
import ctypes
import socket
import sys
import threading

import pytest

import hasten.threading


class Slotted:
    __slots__ = ("one", "two")


def test_fields_are_those_of_the_running_version(impl):
    oracle, thread = threading.Thread(target=int), impl.Thread(target=int)
    assert list(vars(thread)) == list(vars(oracle))
    oracle.start(), thread.start()
    oracle.join(), thread.join()
    assert sorted(vars(thread)) == sorted(vars(oracle))


def test_fields_can_be_set_and_deleted(impl):
    thread = impl.Thread(target=int)
    for name in list(vars(thread)):
        value = getattr(thread, name)
        delattr(thread, name)
        setattr(thread, name, value)
    thread.start()
    thread.join()
    assert not thread.is_alive()


@pytest.mark.parametrize("name", ["_context", "_is_stopped", "_tstate_lock", "_handle", "_os_thread_handle"])
def test_names_that_this_version_leaves_free(impl, name):
    if name in vars(threading.Thread()):
        pytest.skip("the running version uses this name")
    thread = impl.Thread(target=int)
    setattr(thread, name, "mine")
    thread.start()
    thread.join()
    assert getattr(thread, name) == "mine"


@pytest.mark.parametrize("kind", ["Thread", "Timer"])
@pytest.mark.parametrize(
    "other", [dict, list, Exception, socket.socket, threading.local, Slotted, hasten.threading.Barrier]
)
def test_combined_with_another_class(impl, kind, other):
    if other is hasten.threading.Barrier:
        other = impl.Barrier
    both = type("Both", (getattr(impl, kind), other), {})
    assert issubclass(both, threading.Thread)


def test_thread_that_is_a_dict(impl):
    class Both(impl.Thread, dict):
        __hash__ = object.__hash__

        def run(self):
            self["ran"] = True

    both = Both()
    both.start()
    both.join()
    assert both == {"ran": True}


def test_descriptor_on_a_private_name(impl):
    seen = []

    class Watched(impl.Thread):
        @property
        def _name(self):
            return self.__dict__["_name"]

        @_name.setter
        def _name(self, name):
            seen.append(name)
            self.__dict__["_name"] = name

    thread = Watched(name="first")
    thread.name = "second"
    assert seen == ["first", "second"]


def test_daemon_as_a_class_attribute(impl):
    children = []

    class Worker(impl.Thread):
        daemon = True

        def run(self):
            children.append(impl.Thread().daemon)

    worker = Worker()
    worker.start()
    worker.join()
    assert children == [True]


def test_the_thread_runs_when_start_returns(impl):
    for _ in range(100):
        end = impl.Event()
        thread = impl.Thread(target=end.wait, daemon=True)
        thread.start()
        assert thread in threading.enumerate()
        if impl is hasten.threading:  # the standard library's thread gets there after it has told the starter
            assert threading._active[thread.ident] is thread
        assert thread.ident in sys._current_frames()
        assert thread.native_id
        end.set()
        thread.join()


def test_an_exception_can_be_sent_when_start_returns(impl, monkeypatch):
    class Stop(Exception):
        """What is sent."""

    told = []
    monkeypatch.setattr(impl, "excepthook", lambda args: told.append(args.exc_type))
    running = impl.Event()

    def body():
        running.set()
        while True:
            end.wait(0.01)

    end = impl.Event()
    thread = impl.Thread(target=body, daemon=True)
    thread.start()
    running.wait()
    sent = ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stop))
    thread.join(20)
    assert (sent, told) == (1, [Stop])


def test_a_pending_timer_has_a_frame(impl):
    timer = impl.Timer(3600, int)
    timer.start()
    try:
        assert timer.is_alive() and timer.ident in sys._current_frames() and timer.native_id
        assert timer in threading.enumerate()
    finally:
        timer.cancel()
        timer.join()


def test_timer_goes_through_a_replaced_start(impl, monkeypatch):
    seen, plain = [], impl.Thread.start
    monkeypatch.setattr(impl.Thread, "start", lambda self: (seen.append(self), plain(self))[1])
    timer = impl.Timer(0.001, seen.append, ("called",))
    timer.start()
    timer.join()
    assert seen == [timer, "called"]


def test_dummy_thread_with_an_identifier_of_its_own():
    begun, end = threading.Event(), threading.Event()
    foreign = _thread.start_new_thread(lambda: (begun.set(), end.wait()), ())
    begun.wait()
    before = hasten.threading.current_thread()

    class Listed(hasten.threading._DummyThread):
        def _set_ident(self):
            self._ident = foreign

    listed = Listed()
    try:
        assert listed.ident == foreign
        assert threading._active[foreign] is listed
        assert hasten.threading.current_thread() is before
    finally:
        threading._active.pop(foreign, None)
        end.set()


def test_the_starter_is_called_as_in_the_standard_library(impl, monkeypatch):
    name = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"
    calls, plain = [], getattr(impl, name)

    def starter(*args, **kwargs):
        calls.append((len(args), sorted(kwargs)))
        return plain(*args, **kwargs)

    monkeypatch.setattr(impl, name, starter)
    thread = impl.Thread(target=int)
    thread.start()
    thread.join()
    assert calls == [(1, ["daemon", "handle"]) if sys.version_info >= (3, 13) else (2, [])]


def test_objects_without_init():
    for cls in (hasten.threading.Thread, hasten.threading.Timer):
        bare = cls.__new__(cls)
        for name in ("name", "ident", "native_id", "daemon"):
            with pytest.raises(AssertionError):
                getattr(bare, name)
        for name in ("is_alive", "__repr__"):
            with pytest.raises(AssertionError):
                getattr(bare, name)()
        for name, error in (("join", RuntimeError), ("start", RuntimeError), ("run", AttributeError)):
            with pytest.raises(error):
                getattr(bare, name)()


class Injected(Exception):
    """What the tracer raises."""


def raising_at(number: int):
    """A tracer that raises at the numberth line of our own Python code; where it stands is in its list."""
    left = [number]

    def trace(frame, event, arg):
        if "hasten/threading/_t" not in frame.f_code.co_filename:
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                raise Injected
        return trace

    return trace, left


@pytest.mark.parametrize("kind", ["thread", "timer"])
def test_an_exception_at_each_line_of_start(kind):
    number = 0
    while True:
        number += 1
        thread = (
            hasten.threading.Thread(target=int) if kind == "thread" else hasten.threading.Timer(3600, int)
        )
        trace, left = raising_at(number)
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            thread.start()
        except Injected:
            pass
        finally:
            sys.settrace(before)
        if kind == "timer":
            thread.cancel()
        if thread._started.is_set():
            thread.join(20)
            assert not thread.is_alive()
        elif thread not in threading.enumerate():
            thread.start()
            if kind == "timer":
                thread.cancel()
            thread.join(20)
        else:  # the thread runs, and nobody waited for that
            while not thread._started.wait(20):
                raise AssertionError("the thread never began")
            thread.join(20)
        assert thread not in threading.enumerate()
        if left[0] > 0:
            assert number > 5
            return
