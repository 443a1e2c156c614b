"""Thread and Timer."""

import _thread
import contextvars
import gc
import os
import signal
import sys
import warnings
import weakref

import pytest

import hasten.dummy_threading as dummy


def finished(thread):
    thread.start()
    thread.join()
    return thread


def test_target_arguments_and_return(impl):
    seen = []
    thread = impl.Thread(target=lambda *a, **k: seen.append((a, k)), args=(1,), kwargs={"x": 2})
    assert thread.start() is None and thread.join() is None and seen == [((1,), {"x": 2})]


def test_it_has_run_when_start_returns():
    seen = []
    thread = dummy.Thread(target=seen.append, args=[1])
    thread.start()
    assert seen == [1] and not thread.is_alive()


def test_subclass_with_run(impl):
    class Worker(impl.Thread):
        def run(self):
            self.seen = (impl.current_thread() is self, self.is_alive(), impl.get_ident() == self.ident)

    thread = finished(Worker())
    assert thread.seen == (True, True, True) and not thread.is_alive()


def test_a_thread_without_a_target(impl):
    assert not finished(impl.Thread()).is_alive()


def test_life(impl):
    thread = impl.Thread(target=list, name="N", daemon=False)
    assert (thread.ident, thread.native_id, thread.is_alive()) == (None, None, False)
    assert repr(thread) == "<Thread(N, initial)>"
    with pytest.raises(RuntimeError, match="cannot join thread before it is started"):
        thread.join()
    finished(thread)
    assert isinstance(thread.ident, int) and isinstance(thread.native_id, int)
    assert repr(thread) == f"<Thread(N, stopped {thread.ident})>"
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()
    assert thread.join(0) is None


def test_repr_while_it_runs(impl):
    shown = []
    thread = impl.Thread(target=lambda: shown.append(repr(thread)), name="N", daemon=True)
    finished(thread)
    assert shown == [f"<Thread(N, started daemon {thread.ident})>"]


def test_a_thread_that_fails_has_run_too(impl, monkeypatch):
    monkeypatch.setattr(impl, "excepthook", lambda args: None)
    thread = finished(impl.Thread(target=lambda: 1 / 0))
    assert not thread.is_alive()
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()


def test_a_thread_cannot_join_itself(impl, run):
    with pytest.raises(RuntimeError, match="cannot join current thread"):
        run(lambda: impl.current_thread().join())
    with pytest.raises(RuntimeError, match="cannot join current thread"):
        impl.main_thread().join()


def test_a_thread_cannot_wait_for_the_one_that_started_it(sleeps):
    errors = []

    def inner(outer):
        assert outer.is_alive() and dummy.main_thread().is_alive()
        for thread in (outer, dummy.main_thread()):
            with pytest.raises(RuntimeError, match=r"join\(\) would wait for ever: .* goes on when") as error:
                thread.join()
            errors.append(error)
            assert thread.join(2) is None and thread.is_alive()

    def outer():
        dummy.Thread(target=inner, args=[dummy.current_thread()]).start()

    dummy.Thread(target=outer).start()
    assert len(errors) == 2 and sleeps == [2, 2]


def test_names(impl):
    assert impl.Thread(name="N").name == "N" and impl.Thread(name=3).name == "3"
    thread = impl.Thread()
    assert thread.name.startswith("Thread-") and thread.name[7:].isdigit()
    thread.name = 5
    assert thread.name == "5"


def test_default_names_tell_the_target():
    def work():
        return None

    first, second = dummy.Thread(target=work), dummy.Thread(target=work)
    number = int(first.name[7:].split()[0])
    assert (first.name, second.name) == (f"Thread-{number} (work)", f"Thread-{number + 1} (work)")
    assert dummy.Thread(target=dummy.local()).name == f"Thread-{number + 2}"


def test_daemon(impl, run):
    assert impl.Thread().daemon is False and impl.Thread(daemon=True).daemon is True
    thread = impl.Thread()
    thread.daemon = True
    assert thread.daemon is True
    thread.daemon = False
    outcome = []

    def inside():
        outcome.append(impl.Thread().daemon)
        with pytest.raises(RuntimeError, match="cannot set daemon status of active thread"):
            impl.current_thread().daemon = False

    errors = []
    thread = impl.Thread(target=lambda: errors.append(inside()), daemon=True)
    finished(thread)
    assert outcome == [True] and errors == [None]


def test_group(impl):
    with pytest.raises(AssertionError, match="group argument must be None for now"):
        impl.Thread(group=1)


def test_init_not_called(impl):
    class Careless(impl.Thread):
        def __init__(self):
            self.x = 1

    thread = Careless()
    for call in (thread.start, thread.join, lambda: setattr(thread, "daemon", True)):
        with pytest.raises(RuntimeError, match=r"hread.__init__\(\) not called"):
            call()
    for call in (thread.is_alive, lambda: thread.name, lambda: thread.ident, lambda: thread.daemon):
        with pytest.raises(AssertionError, match=r"Thread.__init__\(\) not called"):
            call()


OLD_NAMES = [
    ("currentThread", lambda impl: impl.currentThread() is impl.current_thread()),
    ("activeCount", lambda impl: impl.activeCount() == impl.active_count()),
    ("isDaemon", lambda impl: impl.Thread(daemon=True).isDaemon()),
    ("setDaemon", lambda impl: impl.Thread().setDaemon(True) is None),
    ("getName", lambda impl: impl.Thread(name="N").getName() == "N"),
    ("setName", lambda impl: impl.Thread().setName("N") is None),
    ("isSet", lambda impl: not impl.Event().isSet()),
]


@pytest.mark.parametrize(("name", "use"), OLD_NAMES, ids=[name for name, _ in OLD_NAMES])
def test_old_names(impl, name, use):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert use(impl)
    if impl is dummy or sys.version_info >= (3, 10):
        assert [w.category for w in caught] == [DeprecationWarning]
        assert str(caught[0].message).startswith(f"{name}() is deprecated, ")
        if impl is dummy:  # the caller's line
            assert caught[0].filename == __file__


def test_who_is_running(impl, run):
    main = impl.main_thread()
    assert impl.current_thread() is main and main.is_alive() and main.name == "MainThread"
    assert isinstance(main, impl.Thread) and main.ident == impl.get_ident() and not main.daemon
    count = impl.active_count()
    inside = run(lambda: (impl.current_thread(), impl.enumerate(), impl.active_count(), impl.main_thread()))
    assert inside[0] is not main and set(inside[1]) >= {main, inside[0]}
    assert inside[2] == len(inside[1]) == count + 1 and inside[3] is main
    assert impl.enumerate().count(inside[0]) == 0 and impl.active_count() == count


def test_threads_inside_of_threads():
    def nest(depth):
        names.append([thread.name for thread in dummy.enumerate()])
        if depth:
            dummy.Thread(target=nest, args=[depth - 1], name=str(depth)).start()
        ends.append(dummy.current_thread().name)

    names, ends = [], []
    nest(3)
    assert names[-1] == ["MainThread", "3", "2", "1"] and ends == ["1", "2", "3", "MainThread"]


def test_ctrl_c_comes_out_of_start():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = dummy.Thread(target=signal.raise_signal, args=[signal.SIGINT])
    try:
        with pytest.raises(KeyboardInterrupt):
            thread.start()
    finally:
        signal.signal(signal.SIGINT, before)
    assert not thread.is_alive() and dummy.active_count() == 1


def test_system_exit_is_silent(impl, capfd, monkeypatch):
    monkeypatch.setattr(impl, "excepthook", _thread._excepthook)
    finished(impl.Thread(target=sys.exit, args=[3]))
    assert capfd.readouterr() == ("", "")


def test_the_context_is_empty_or_given(impl):
    var = contextvars.ContextVar("var", default="default")
    var.set("caller's")
    seen = []
    finished(impl.Thread(target=lambda: seen.append(var.get()) or var.set("thread's")))
    inherits = getattr(sys.flags, "thread_inherit_context", False)
    assert seen == ["caller's" if inherits else "default"] and var.get() == "caller's"


def test_a_context_of_ones_own():
    var = contextvars.ContextVar("var", default="default")
    context = contextvars.copy_context()
    context.run(var.set, "given")
    seen = []
    dummy.Thread(target=lambda: seen.append(var.get()) or var.set("changed"), context=context).start()
    assert seen == ["given"] and context[var] == "changed" and var.get() == "default"


def test_inherited_context(python):
    if sys.version_info < (3, 14):
        pytest.skip("the flag came with 3.14")
    program = """
    import contextvars
    import hasten.dummy_threading as threading
    var = contextvars.ContextVar("var", default="default")
    var.set("caller's")
    threading.Thread(target=lambda: print(var.get())).start()
    """
    assert python(program, "-X", "thread_inherit_context=1") == "caller's\n"
    assert python(program, "-X", "thread_inherit_context=0") == "default\n"


def test_the_target_is_let_go(impl):
    class Thing:
        def method(self):
            return self

    thing = Thing()
    ref = weakref.ref(thing)
    thread = finished(impl.Thread(target=thing.method, args=(), kwargs={}))
    del thing
    gc.collect()
    assert ref() is None and not thread.is_alive()


def test_a_run_that_uses_the_targets_names(impl):
    class WithResult(impl.Thread):
        def run(self):
            self.result = self._target(*self._args, **self._kwargs)

    assert finished(WithResult(target=divmod, args=(7, 2))).result == (3, 1)


def test_timer(sleeps):
    seen = []
    timer = dummy.Timer(30, lambda *a, **k: seen.append((a, k)), [1], {"x": 2})
    assert isinstance(timer, dummy.Thread) and not timer.finished.is_set()
    timer.start()
    timer.join()
    assert seen == [((1,), {"x": 2})] and sleeps == [] and timer.finished.is_set()
    assert (timer.interval, timer.args, timer.kwargs) == (30, [1], {"x": 2})


def test_cancelled_timer(impl):
    seen = []
    timer = impl.Timer(30, seen.append, [1])
    timer.cancel()
    finished(timer)
    assert seen == [] and timer.finished.is_set()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")  # faulthandler's watchdog
def test_after_a_fork(impl):
    event, lock, condition = impl.Event(), impl.Lock(), impl.Condition()
    lock.acquire()
    condition.acquire()
    event.set()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            for thing in (event, lock, condition):
                thing._at_fork_reinit()
            if event.is_set() and lock.acquire(False) and condition.acquire(False):
                status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
