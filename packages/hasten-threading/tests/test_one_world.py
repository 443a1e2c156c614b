"""One world with the interpreter's threading: each module sees the threads and hooks of both."""

import _thread
import faulthandler
import gc
import logging
import os
import sys
import tempfile
import threading

import pytest

import hasten._thread
import hasten.threading

MODULES = {"stdlib": threading, "hasten": hasten.threading}


@pytest.fixture(params=["stdlib", "hasten"])
def other(request):
    """The module that looks, whichever one has started the thread."""
    return MODULES[request.param]


@pytest.fixture
def running(impl):
    """A thread that runs until the test is over."""
    gate, entered = impl.Event(), impl.Event()

    def target():
        entered.set()
        gate.wait()

    thread = impl.Thread(target=target, name="running")
    thread.start()
    entered.wait()
    yield thread
    gate.set()
    thread.join()


# ---- who is there --------------------------------------------------------------------------------


def test_both_list_it(running, other):
    assert running in other.enumerate()
    assert other.active_count() == len(other.enumerate())
    assert sorted(map(id, threading.enumerate())) == sorted(map(id, hasten.threading.enumerate()))


def test_both_know_who_runs(impl, other):
    seen = []
    thread = impl.Thread(target=lambda: seen.append(other.current_thread()))
    thread.start()
    thread.join()
    assert seen == [thread]


def test_instances(impl):
    assert isinstance(hasten.threading.Thread(), threading.Thread)
    assert isinstance(hasten.threading.Timer(1, print), threading.Timer)
    assert isinstance(impl.main_thread(), impl.Thread)
    assert isinstance(impl.current_thread(), impl.Thread)
    assert not isinstance(threading.Thread(), hasten.threading.Thread)


def test_the_main_thread():
    assert hasten.threading.main_thread() is threading.main_thread()
    assert hasten.threading.current_thread() is threading.main_thread()
    main = threading.main_thread()
    assert (main.name, main.daemon, main.is_alive()) == ("MainThread", False, True)
    assert main.ident == threading.get_ident()
    assert main.native_id == threading.get_native_id()
    assert [thread.name for thread in threading.enumerate()].count("MainThread") == 1
    assert type(main) is threading._MainThread is hasten.threading._MainThread
    with pytest.raises(RuntimeError, match="cannot set daemon status of active thread"):
        main.daemon = True
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        main.start()


def test_joining_the_main_thread_times_out(impl, spawn):
    for timeout in (0, -1, 0.01):
        assert spawn(impl.main_thread().join, timeout).result() is None


@pytest.mark.parametrize("start", [_thread.start_new_thread, hasten._thread.start_new_thread])
def test_foreign_threads(impl, other, start):
    seen, entered, gate = [], impl.Event(), impl.Event()

    def foreign():
        me = impl.current_thread()
        seen.extend([me, me is other.current_thread(), me in other.enumerate(), me.daemon, me.is_alive()])
        # before 3.13 it may be what is left of an earlier thread with the same identifier
        seen.append(sys.version_info < (3, 13) or me.native_id == _thread.get_native_id())
        entered.set()
        gate.wait()

    start(foreign, ())
    entered.wait()
    dummy = seen[0]
    assert seen[1:] == [True] * 5
    assert isinstance(dummy, threading._DummyThread)
    assert isinstance(dummy, threading.Thread)
    assert isinstance(dummy, hasten.threading.Thread)
    with pytest.raises((RuntimeError, AssertionError), match="cannot join a dummy thread"):
        dummy.join()
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        dummy.start()
    gate.set()


@pytest.mark.skipif(sys.version_info < (3, 13), reason="foreign threads stay in the registry")
def test_foreign_threads_are_forgotten(impl, until):
    seen = []
    _thread.start_new_thread(lambda: seen.append(impl.current_thread()), ())
    until(lambda: seen and seen[0] not in impl.enumerate())
    assert seen[0] not in threading.enumerate()


def test_a_foreign_thread_inherits_to_its_threads(impl):
    seen, done = [], impl.Event()

    def foreign():
        thread = impl.Thread(target=lambda: None)
        seen.append(thread.daemon)
        thread.start()
        thread.join()
        done.set()

    _thread.start_new_thread(foreign, ())
    done.wait()
    assert seen == [True]


def test_log_records_have_the_names(running, impl):
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.Logger("test")
    logger.addHandler(handler)
    thread = impl.Thread(target=logger.warning, args=("hello",), name="in the log")
    thread.start()
    thread.join()
    logger.warning("from main")
    assert [(r.threadName, r.thread) for r in records] == [
        ("in the log", thread.ident),
        ("MainThread", threading.get_ident()),
    ]


def test_dangling(impl):
    """The weak set by which CPython's own tests look for leaked threads."""
    assert hasten.threading._dangling is threading._dangling
    gate = impl.Event()
    thread = impl.Thread(target=gate.wait, name="dangling")
    thread.start()
    assert thread in threading._dangling
    assert [type(t).__name__ for t in threading._dangling].count("_MainThread") == 1
    gate.set()
    thread.join()
    del thread
    gc.collect()
    assert [t for t in threading._dangling if t.name == "dangling"] == []


def test_frames(running):
    names = set()
    frame = sys._current_frames()[running.ident]
    while frame:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    assert "target" in names


def test_faulthandler_shows_it(running):
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        text = file.read()
    assert f"Thread 0x{running.ident:016x}" in text
    assert "in target" in text


def test_counted(running, impl):
    before = hasten._thread._count()
    gate = impl.Event()
    thread = impl.Thread(target=gate.wait)
    thread.start()
    assert hasten._thread._count() == before + 1
    gate.set()
    thread.join()


# ---- primitives of one with threads of the other -------------------------------------------------


def test_primitives_mix(impl, other):
    condition, event = impl.Condition(), impl.Event()
    barrier, semaphore = impl.Barrier(2), impl.Semaphore(0)
    seen = []

    def target():
        barrier.wait()
        with condition:
            seen.append("in")
            condition.notify()
        event.set()
        semaphore.release()

    with condition:
        thread = other.Thread(target=target)
        thread.start()
        barrier.wait()
        assert condition.wait(30)
    event.wait()
    semaphore.acquire()
    thread.join()
    assert seen == ["in"]


def test_conditions_over_locks_of_the_other(impl, other):
    for lock in (other.Lock(), other.RLock()):
        condition = impl.Condition(lock)
        with condition:
            thread = impl.Thread(
                target=lambda condition=condition: (
                    condition.__enter__() and (condition.notify(), condition.__exit__(None, None, None))
                )
            )
            thread.start()
            assert condition.wait(30)
        thread.join()


def test_local_data_is_the_same():
    assert hasten.threading.local is threading.local


# ---- hooks ---------------------------------------------------------------------------------------


def test_excepthook_set_in_either(impl, other, monkeypatch):
    told = []
    monkeypatch.setattr(other, "excepthook", lambda args: told.append((args.exc_type, args.thread)))
    assert threading.excepthook is hasten.threading.excepthook
    thread = impl.Thread(target=lambda: [].pop())
    thread.start()
    thread.join()
    assert told == [(IndexError, thread)]


def test_excepthook_args():
    assert hasten.threading.ExceptHookArgs is threading.ExceptHookArgs
    assert "excepthook" in dir(hasten.threading)


def events_of(impl, install, remove):
    """The kinds of events that a hook sees in a thread, and the threads that it sees them in."""
    seen = set()

    def hook(frame, event, arg):
        seen.add((event, frame.f_code.co_name, impl.current_thread().name))
        return hook

    def target():
        return inner()

    def inner():
        return 5

    install(hook)
    try:
        thread = impl.Thread(target=target, name="hooked")
        thread.start()
        thread.join()
    finally:
        remove(None)
    return {event for event, code, name in seen if code == "inner" and name == "hooked"}


def test_settrace_in_either(impl, other):
    assert events_of(impl, other.settrace, other.settrace) >= {"call", "line", "return"}
    assert events_of(impl, lambda hook: None, other.settrace) == set()


def test_setprofile_in_either(impl, other):
    assert events_of(impl, other.setprofile, other.setprofile) == {"call", "return"}
    assert events_of(impl, lambda hook: None, other.setprofile) == set()


def place_of(frame):
    return os.path.basename(frame.f_code.co_filename), frame.f_code.co_name


def test_the_frames_by_which_debuggers_know_the_begin_of_a_thread(impl, monkeypatch):
    below, tracing = [], []

    def target():
        frame = sys._getframe(1)
        while frame is not None:
            below.append(place_of(frame))
            frame = frame.f_back

    # what pydevd does: it looks at who calls sys.settrace()
    monkeypatch.setattr(
        sys, "settrace", lambda hook: tracing.append(os.path.basename(sys._getframe(1).f_code.co_filename))
    )
    impl.settrace(hook_of_users)
    try:
        thread = impl.Thread(target=target)
        thread.start()
        thread.join()
    finally:
        impl.settrace(None)
    assert below == [("threading.py", name) for name in ("run", "_bootstrap_inner", "_bootstrap")]
    assert tracing == ["threading.py"]


def hook_of_users(frame, event, arg):
    """Neither traces nor profiles."""


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the standard library has no gettrace()")
def test_gettrace_and_getprofile(impl, other):
    for set_hook, get_hook in (("settrace", "gettrace"), ("setprofile", "getprofile")):
        getattr(impl, set_hook)(hook_of_users)
        try:
            assert getattr(other, get_hook)() is hook_of_users
        finally:
            getattr(impl, set_hook)(None)
        assert getattr(other, get_hook)() is None


def test_ours_has_gettrace_on_every_version():
    ours = hasten.threading
    ours.settrace(hook_of_users)
    ours.setprofile(hook_of_users)
    try:
        assert ours.gettrace() is ours.getprofile() is hook_of_users
    finally:
        ours.settrace(None)
        ours.setprofile(None)
    assert ours.gettrace() is ours.getprofile() is None


@pytest.mark.ours_without("settrace_all_threads")
@pytest.mark.parametrize("kind", ["trace", "profile"])
def test_hooks_for_threads_that_run(impl, kind, until):
    """In either kind of threads, from the outside."""
    install = getattr(impl, f"set{kind}_all_threads")
    look, here = getattr(sys, f"get{kind}"), None
    go, looked, stop = impl.Event(), impl.Event(), impl.Event()
    seen = []

    def target():
        go.wait()
        seen.append(look())
        looked.set()
        stop.wait()
        seen.append(look())

    threads = [hasten.threading.Thread(target=target), threading.Thread(target=target)]
    before = look()
    for thread in threads:
        thread.start()
    install(hook_of_users)
    try:
        here = look()
        go.set()
        until(lambda: len(seen) == 2)
        stop.wait(0)
    finally:
        install(None)
        look_back = look()
        getattr(sys, f"set{kind}")(before)
        stop.set()
        for thread in threads:
            thread.join()
    assert here is hook_of_users
    assert look_back is None
    assert seen == [hook_of_users] * 2 + [None] * 2


# ---- names of the module -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["_active", "_limbo", "_dangling", "_counter", "_active_limbo_lock"])
def test_private_names_are_the_same(name):
    assert getattr(hasten.threading, name) is getattr(threading, name)


def test_names_that_neither_has():
    with pytest.raises(AttributeError, match="module 'hasten.threading' has no attribute 'thread'"):
        _ = hasten.threading.thread
    with pytest.raises(AttributeError):
        _ = hasten.threading._no_such_name
    assert not hasattr(hasten.threading, "__no_such_name__")
