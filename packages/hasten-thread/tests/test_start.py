"""start_new_thread() and what belongs to it: the interpreter's and ours under the same tests."""

import _thread
import faulthandler
import gc
import signal
import sys
import tempfile
import threading
import weakref

import pytest

import hasten._thread as hasten_thread

LIMIT = 30


class Gate:
    """A lock that starts closed, so that a thread can be waited for."""

    def __init__(self):
        self._lock = _thread.allocate_lock()
        self._lock.acquire()
        self.open = self._lock.release

    def wait(self):
        assert self._lock.acquire(True, LIMIT), "nobody opens the gate"


def run(impl, function, *args, **kwargs):
    """Call function in a thread; return when it is over."""
    gate, result = Gate(), []

    def body():
        try:
            result.append(function(*args, **kwargs))
        finally:
            gate.open()

    impl.start_new_thread(body, ())
    gate.wait()
    return result[0]


def test_runs_with_arguments_and_returns_the_ident(impl):
    gate, seen = Gate(), []

    def body(*args, **kwargs):
        seen.append((args, kwargs, _thread.get_ident()))
        gate.open()

    ident = impl.start_new_thread(body, (1, 2), {"x": 3})
    gate.wait()
    assert seen == [((1, 2), {"x": 3}, ident)]
    assert ident != _thread.get_ident()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1, ()), "first arg must be callable"),
        ((print, 1), "2nd arg must be a tuple"),
        ((print, []), "2nd arg must be a tuple"),
        ((print, (), 1), "optional 3rd arg must be a dictionary"),
        ((print, (), None), "optional 3rd arg must be a dictionary"),
        ((), ""),
        ((print,), ""),
        ((print, (), {}, 4), ""),
    ],
)
def test_wrong_arguments(impl, arguments, words):
    with pytest.raises(TypeError, match=words):
        impl.start_new_thread(*arguments)
    with pytest.raises(TypeError):
        impl.start_new_thread(function=print, args=())


def test_old_name(impl):
    assert impl.start_new == impl.start_new_thread
    assert impl.allocate == impl.allocate_lock


@pytest.fixture
def unraisable(monkeypatch):
    caught = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda args: caught.append((str(args.exc_value), args.err_msg, args.object))
    )
    return caught


def test_exception_goes_to_the_hook_in_the_versions_words(unraisable, tools):
    def task():
        raise ValueError("task failed")

    def report(impl):
        before = len(unraisable)
        impl.start_new_thread(task, ())
        tools.wait_until(lambda: len(unraisable) > before)
        return unraisable.pop()

    assert report(hasten_thread) == report(_thread)


def test_no_frame_of_ours_in_the_traceback(impl, monkeypatch, tools):
    names = []

    def hook(args):
        tb = args.exc_traceback
        while tb is not None:
            names.append(tb.tb_frame.f_code.co_name)
            tb = tb.tb_next
        names.append("end")

    monkeypatch.setattr(sys, "unraisablehook", hook)

    def task():
        raise ValueError

    impl.start_new_thread(task, ())
    tools.wait_until(lambda: "end" in names)
    assert names == ["task", "end"]


@pytest.mark.parametrize("leave", ["exit", "exit_thread"])
def test_exit_is_silent(impl, unraisable, tools, leave):
    count, gate = impl._count(), Gate()

    def body():
        gate.open()
        getattr(impl, leave)()

    impl.start_new_thread(body, ())
    gate.wait()
    tools.wait_until(lambda: impl._count() == count)
    assert unraisable == []
    with pytest.raises(SystemExit):
        getattr(impl, leave)()


def test_count(impl, tools):
    before, started, go_on = impl._count(), Gate(), Gate()
    impl.start_new_thread(lambda: (started.open(), go_on.wait()), ())
    started.wait()
    assert impl._count() == before + 1
    go_on.open()
    tools.wait_until(lambda: impl._count() == before)


def test_count_of_both_worlds(tools):
    before, gates = hasten_thread._count(), [Gate(), Gate()]
    for module, gate in zip((hasten_thread, _thread), gates):
        module.start_new_thread(gate.wait, ())
    tools.wait_until(lambda: hasten_thread._count() == before + 2)
    for gate in gates:
        gate.open()
    tools.wait_until(lambda: hasten_thread._count() == before)


def test_what_it_held_is_freed(impl, tools):
    class Thing:
        def __call__(self, *args, **kwargs):
            pass

    things = [Thing(), Thing(), Thing()]
    references = [weakref.ref(thing) for thing in things]
    impl.start_new_thread(things[0], (things[1],), {"x": things[2]})
    things.clear()
    tools.wait_until(lambda: gc.collect() >= 0 and not any(reference() for reference in references))


def test_thread_local_destructors_have_run_when_it_is_over(impl, tools):
    local, dead = threading.local(), []

    class Value:
        def __del__(self):
            dead.append(1)

    before = impl._count()
    impl.start_new_thread(lambda: setattr(local, "value", Value()), ())
    tools.wait_until(lambda: impl._count() == before)
    tools.wait_until(lambda: dead)
    assert not hasattr(local, "value")


def test_many_threads(impl, tools):
    before, total, lock = impl._count(), [0], _thread.allocate_lock()

    def body():
        with lock:
            total[0] += 1

    for _ in range(500):
        impl.start_new_thread(body, ())
    tools.wait_until(lambda: total == [500])
    tools.wait_until(lambda: impl._count() == before)


def test_many_blocked_threads(impl, tools):
    before, lock = impl._count(), impl.allocate_lock()
    lock.acquire()
    for _ in range(100):
        impl.start_new_thread(lambda: lock.acquire() and lock.release(), ())
    tools.wait_until(lambda: impl._count() == before + 100)
    lock.release()
    tools.wait_until(lambda: impl._count() == before)


def test_threads_start_threads(impl, tools):
    before, seen = impl._count(), []

    def body(depth):
        seen.append(depth)
        if depth:
            for _ in range(3):
                impl.start_new_thread(body, (depth - 1,))

    body(4)
    tools.wait_until(lambda: len(seen) == 1 + 3 + 9 + 27 + 81)
    tools.wait_until(lambda: impl._count() == before)


def test_stack_size(impl, tools):
    before = impl.stack_size()
    try:
        assert impl.stack_size(1 << 20) == before
        assert run(impl, lambda: 5) == 5
        assert _thread.stack_size(1 << 20) == hasten_thread.stack_size(1 << 20) == 1 << 20
        for bad in (1, -1):
            with pytest.raises(ValueError):
                impl.stack_size(bad)
        with pytest.raises(TypeError):
            impl.stack_size("x")
        assert impl.stack_size() == 1 << 20  # which asks for the default
        assert impl.stack_size() == 0
    finally:
        impl.stack_size(before)


@pytest.mark.skipif(
    sys.version_info[:2] in ((3, 12), (3, 13)), reason="they count C calls, and stop before the stack ends"
)
def test_a_thread_gets_the_stack_it_was_promised(tools):
    finished = tools.run_script(
        """
        import sys
        import hasten._thread as t
        t.stack_size(256 << 20)
        sys.setrecursionlimit(30000)
        depth = []
        def dive(n):
            if n == 0:
                return 0
            return 1 + max([n - 1], key=lambda m: dive(m)) * 0 + dive(0)
        h = t.start_joinable_thread(lambda: (dive(5000), depth.append("deep")))
        h.join()
        print(depth)
        """
    )
    assert finished.stdout.strip() == "['deep']"


def test_refused_thread(tools):
    """An OS that has no thread to give: the stdlib's error, and nothing is left counted."""
    finished = tools.run_script(
        """
        import hasten._thread as t
        t.stack_size(1 << 46)
        for start in (lambda: t.start_new_thread(print, ()), lambda: t.start_joinable_thread(print)):
            try:
                start()
            except RuntimeError as error:
                print(error, t._count())
        handle = t._ThreadHandle()
        try:
            t.start_joinable_thread(print, handle)
        except RuntimeError:
            t.stack_size(0)
            t.start_joinable_thread(lambda: print("second try"), handle).join()
        """
    )
    assert finished.stdout.splitlines() == ["can't start new thread 0"] * 2 + ["second try"]


def test_threading_sees_it(impl):
    def look():
        return threading.current_thread() in threading.enumerate(), threading.current_thread().ident

    listed, ident = run(impl, look)
    assert listed
    assert ident not in (None, threading.get_ident())


def test_faulthandler_dump_shows_it(impl):
    started, go_on = Gate(), Gate()

    def a_function_to_look_for():
        started.open()
        go_on.wait()

    impl.start_new_thread(a_function_to_look_for, ())
    started.wait()
    with tempfile.TemporaryFile("w+") as out:
        faulthandler.dump_traceback(out)
        out.seek(0)
        assert "a_function_to_look_for" in out.read()
    assert any(frame.f_code.co_name == "wait" for frame in sys._current_frames().values())
    go_on.open()


def test_settrace_and_setprofile(impl):
    def tracer(frame, event, arg):
        seen.append(event)
        return tracer

    def traced():
        sys.settrace(tracer)
        (lambda: None)()
        sys.settrace(None)

    seen = []
    run(impl, traced)
    assert "call" in seen and "return" in seen


def test_audit_events(tools):
    finished = tools.run_script(
        """
        import sys
        import hasten._thread as t
        def hook(event, args):
            if event.startswith("_thread.start"):
                print(event, args[0] is int, args[1:])
        sys.addaudithook(hook)
        t.start_new_thread(int, ("1",))
        t.start_new_thread(int, ("1",), {"base": 10})
        t.start_joinable_thread(int, daemon=False).join()
        """
    )
    assert finished.stdout.splitlines() == [
        "_thread.start_new_thread True (('1',), None)",
        "_thread.start_new_thread True (('1',), {'base': 10})",
        "_thread.start_joinable_thread True (0, None)",
    ]


def test_names_of_os_threads():
    def rename(name):
        hasten_thread.set_name(name)
        return hasten_thread._get_name()

    assert run(hasten_thread, rename, "worker") == "worker"
    longest = hasten_thread._NAME_MAXLEN
    assert run(hasten_thread, rename, "x" * 100) == "x" * longest
    assert run(hasten_thread, rename, "€" * 5) == "€" * 5
    assert run(hasten_thread, rename, "\udc80") == "?"
    assert run(hasten_thread, rename, "a\0b") == "a"
    with pytest.raises(TypeError, match="must be str, not int"):
        hasten_thread.set_name(1)


def test_interrupt_main():
    caught = []
    before = {number: signal.signal(number, lambda n, _: caught.append(n)) for number in (2, 10)}
    try:
        hasten_thread.interrupt_main()
        assert caught == [signal.SIGINT]
        hasten_thread.interrupt_main(10)
        assert caught == [signal.SIGINT, 10]
        for number in (0, -1, 1000):
            with pytest.raises(ValueError, match="signal number out of range"):
                hasten_thread.interrupt_main(number)
        with pytest.raises(TypeError):
            hasten_thread.interrupt_main("2")
        signal.signal(10, signal.SIG_DFL)
        assert hasten_thread.interrupt_main(10) is None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert caught == [signal.SIGINT, 10]
