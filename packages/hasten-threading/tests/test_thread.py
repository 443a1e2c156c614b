"""Thread: start, run, join, state, and what is refused."""

import gc
import signal
import sys
import weakref
from decimal import Decimal
from fractions import Fraction

import pytest

import hasten.threading

NAN = float("nan")


def run(thread):
    thread.start()
    thread.join()
    return thread


def test_target_gets_its_arguments(impl):
    seen = []
    run(impl.Thread(target=lambda *args, **kwargs: seen.append((args, kwargs)), args=(1, 2), kwargs={"a": 3}))
    run(impl.Thread(None, lambda *args: seen.append(args), "named", [4]))
    run(impl.Thread(target=lambda: seen.append("nothing")))
    run(impl.Thread())
    assert seen == [((1, 2), {"a": 3}), (4,), "nothing"]


def test_keywords_none(impl):
    seen = []
    run(impl.Thread(target=seen.append, args=(1,), kwargs=None))
    assert seen == [1]


def test_life_of_a_thread(impl, until):
    gate, seen = impl.Event(), []

    def target():
        me = impl.current_thread()
        seen.append((me, me.ident, me.native_id, me.is_alive(), impl.get_ident(), impl.get_native_id()))
        gate.wait()

    thread = impl.Thread(target=target)
    assert (thread.ident, thread.native_id, thread.is_alive()) == (None, None, False)
    assert thread.start() is None
    assert thread.is_alive()
    assert thread in impl.enumerate()
    until(lambda: seen)
    assert seen == [(thread, thread.ident, thread.native_id, True, thread.ident, thread.native_id)]
    assert thread.join(0.001) is None
    assert thread.is_alive()
    gate.set()
    assert thread.join() is None
    assert not thread.is_alive()
    assert thread.join(0) is None
    assert thread not in impl.enumerate()
    assert (thread.ident, thread.native_id) == seen[0][1:3]


def test_start_returns_with_the_thread_listed(impl):
    gate = impl.Event()
    threads = [impl.Thread(target=gate.wait) for _ in range(20)]
    for count, thread in enumerate(threads, 1):
        before = impl.active_count()
        thread.start()
        assert thread.is_alive()
        assert thread.ident
        assert set(threads[:count]) <= set(impl.enumerate())
        assert impl.active_count() == before + 1
    assert len({thread.ident for thread in threads}) == 20
    assert len({thread.native_id for thread in threads}) == 20
    gate.set()
    for thread in threads:
        thread.join()


def test_native_id_waits_for_the_thread(impl):
    for _ in range(50):
        thread = impl.Thread(target=int)
        thread.start()
        assert thread.native_id > 0
        thread.join()


def test_run_may_be_overridden(impl):
    class Adder(impl.Thread):
        total = 0

        def __init__(self, *numbers):
            super().__init__(name="adder")
            self.numbers = numbers

        def run(self):
            self.total = sum(self.numbers)

    assert run(Adder(1, 2, 3)).total == 6


def test_run_may_be_replaced_on_the_object(impl):
    seen = []
    thread = impl.Thread(target=lambda: seen.append("target"))
    thread.run = lambda: seen.append("replaced")
    run(thread)
    assert seen == ["replaced"]


def test_run_may_be_called_without_a_thread(impl):
    seen = []
    thread = impl.Thread(target=seen.append, args=(1,))
    thread.run()
    assert seen == [1]
    assert not thread.is_alive()


def test_run_lets_go_of_the_target(impl):
    class Argument:
        pass

    argument = Argument()
    alive = weakref.ref(argument)
    thread = impl.Thread(target=lambda x: None, args=(argument,))
    del argument
    run(thread)
    gc.collect()
    assert alive() is None


def test_attributes_of_users(impl):
    thread = impl.Thread()
    thread.result = 5
    assert vars(thread)["result"] == 5


def test_repr(impl):
    gate = impl.Event()
    thread = impl.Thread(target=gate.wait, name="n")
    assert repr(thread) == "<Thread(n, initial)>"
    thread.daemon = True
    assert repr(thread) == "<Thread(n, initial daemon)>"
    thread.start()
    assert repr(thread) == f"<Thread(n, started daemon {thread.ident})>"
    gate.set()
    thread.join()
    assert repr(thread) == f"<Thread(n, stopped daemon {thread.ident})>"


def test_threads_that_start_threads(impl):
    depth = []

    def chain(left):
        depth.append(left)
        if left:
            run(impl.Thread(target=chain, args=(left - 1,)))

    run(impl.Thread(target=chain, args=(30,)))
    assert depth == list(range(30, -1, -1))


def test_many_join_one(impl, spawn):
    gate = impl.Event()
    thread = impl.Thread(target=gate.wait)
    thread.start()
    tasks = [spawn(thread.join).settle() for _ in range(10)]
    tasks += [spawn(thread.join, 60).settle() for _ in range(10)]
    gate.set()
    assert [task.result() for task in tasks] == [None] * 20
    assert not thread.is_alive()


def test_local_data_is_gone_when_join_returns(impl):
    class Value:
        pass

    values = []
    data = impl.local()

    def target():
        data.value = Value()
        values.append(weakref.ref(data.value))

    for _ in range(20):
        run(impl.Thread(target=target))
    gc.collect()
    assert [value() for value in values] == [None] * 20


# ---- daemons -------------------------------------------------------------------------------------


def test_daemon_is_inherited(impl):
    seen = {}

    def target(daemon):
        seen[daemon] = [
            impl.Thread().daemon,
            impl.Thread(daemon=True).daemon,
            impl.Thread(daemon=False).daemon,
        ]

    for daemon in (True, False):
        run(impl.Thread(target=target, args=(daemon,), daemon=daemon))
    assert seen == {True: [True, True, False], False: [False, True, False]}


def test_daemon_may_be_anything_with_a_truth_value(impl):
    assert impl.Thread(daemon="yes").daemon in (True, "yes")
    assert not impl.Thread(daemon=0).daemon


def test_daemon_can_not_be_set_after_start(impl):
    gate = impl.Event()
    thread = impl.Thread(target=gate.wait)
    thread.daemon = True
    thread.start()
    with pytest.raises(RuntimeError, match="cannot set daemon status of active thread"):
        thread.daemon = False
    gate.set()
    thread.join()
    with pytest.raises(RuntimeError, match="cannot set daemon status of active thread"):
        thread.daemon = False
    assert thread.daemon


# ---- what is refused -----------------------------------------------------------------------------


def test_group(impl):
    with pytest.raises(AssertionError, match="group argument must be None for now"):
        impl.Thread(group=1)


def test_arguments(impl):
    with pytest.raises(TypeError):
        impl.Thread(traget=print)
    with pytest.raises(TypeError):
        impl.Thread(None, None, None, (), None, True)


def test_start_twice(impl):
    gate = impl.Event()
    thread = impl.Thread(target=gate.wait)
    thread.start()
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()
    gate.set()
    thread.join()
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()


def test_start_by_many_at_once(spawn):
    impl = hasten.threading
    for _ in range(20):
        runs, go = [], impl.Barrier(4)
        thread = impl.Thread(target=runs.append, args=(1,))

        def start(thread=thread, go=go):
            go.wait()
            thread.start()

        tasks = [spawn(start) for _ in range(4)]
        refused = 0
        for task in tasks:
            try:
                task.result()
            except RuntimeError:
                refused += 1
        thread.join()
        assert (runs, refused) == ([1], 3)


def test_join_before_start(impl):
    thread = impl.Thread()
    with pytest.raises(RuntimeError, match="cannot join thread before it is started"):
        thread.join()
    assert not thread.is_alive()


def test_join_of_oneself(impl):
    seen = []

    def target():
        try:
            impl.current_thread().join()
        except RuntimeError as error:
            seen.append(str(error))

    run(impl.Thread(target=target))
    assert seen == ["cannot join current thread"]
    with pytest.raises(RuntimeError, match="cannot join current thread"):
        impl.current_thread().join()


def test_an_old_identifier_is_no_self_join():
    """The system gives identifiers of ended threads to new ones."""
    ended = []

    def target():
        for thread in ended:
            thread.join()
        ended.append(hasten.threading.current_thread())

    for _ in range(10):
        run(hasten.threading.Thread(target=target))
    assert len(ended) == 10


@pytest.mark.parametrize("attribute", ["name", "ident", "native_id", "daemon", "is_alive"])
def test_without_init(impl, attribute):
    class Forgetful(impl.Thread):
        def __init__(self):
            pass

    thread = Forgetful()
    with pytest.raises(AssertionError, match=r"Thread.__init__\(\) not called"):
        value = getattr(thread, attribute)
        value()
    with pytest.raises(RuntimeError, match="__init__"):
        thread.start()
    with pytest.raises(RuntimeError, match="__init__"):
        thread.join()
    with pytest.raises(RuntimeError, match="__init__"):
        thread.daemon = True
    with pytest.raises(AssertionError):
        thread.name = "n"
    with pytest.raises(AssertionError, match="__init__"):
        repr(thread)


@pytest.mark.parametrize(
    "timeout", [0, -1, -0.5, float("-inf"), -(10**400), Fraction(-1, 3), Decimal(-1), False]
)
def test_join_that_does_not_wait(timeout):
    gate = hasten.threading.Event()
    thread = hasten.threading.Thread(target=gate.wait)
    thread.start()
    assert thread.join(timeout) is None
    assert thread.join(timeout=timeout) is None
    assert thread.is_alive()
    gate.set()
    thread.join()
    assert thread.join(timeout) is None


@pytest.mark.parametrize("timeout", [60, 60.5, 10**400, float("inf"), Fraction(60), Decimal(60), True])
def test_join_that_waits(timeout, spawn):
    gate = hasten.threading.Event()
    thread = hasten.threading.Thread(target=gate.wait)
    thread.start()
    task = spawn(thread.join, timeout).settle()
    gate.set()
    task.result()
    thread.join()
    assert not thread.is_alive()


@pytest.mark.parametrize(
    "timeout, error", [(NAN, ValueError), (Decimal("nan"), ValueError), ("1", TypeError)]
)
@pytest.mark.parametrize("state", ["running", "ended"])
def test_join_with_a_bad_timeout(timeout, error, state):
    gate = hasten.threading.Event()
    thread = hasten.threading.Thread(target=gate.wait)
    thread.start()
    if state == "ended":
        gate.set()
        thread.join()
    with pytest.raises(error):
        thread.join(timeout)
    gate.set()
    thread.join()


def test_start_that_fails_may_be_repeated(impl, monkeypatch):
    name = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"

    def fail(*args, **kwargs):
        raise RuntimeError("can't start new thread")

    seen = []
    thread = impl.Thread(target=seen.append, args=(1,))
    with monkeypatch.context() as patched:
        patched.setattr(impl, name, fail)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            thread.start()
    assert thread not in impl.enumerate()
    assert not thread.is_alive()
    assert thread.native_id is None
    run(thread)
    assert seen == [1]


# ---- signals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [None, 60])
def test_ctrl_c_ends_a_join(impl, timeout, when_main_sleeps):
    gate = impl.Event()
    thread = impl.Thread(target=gate.wait)
    thread.start()
    when_main_sleeps(lambda: signal.pthread_kill(impl.main_thread().ident, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        thread.join(timeout)
    if impl is hasten.threading or sys.version_info >= (3, 13):
        assert thread.is_alive()  # before, the standard library takes it for ended
    gate.set()
    thread.join()


def test_a_join_goes_on_after_a_signal(impl, on_signal, when_main_sleeps):
    gate, handled = impl.Event(), []
    on_signal(lambda: (handled.append(1), gate.set()))
    thread = impl.Thread(target=gate.wait)
    thread.start()
    when_main_sleeps(lambda: signal.pthread_kill(impl.main_thread().ident, signal.SIGUSR1))
    thread.join()
    assert handled == [1]
    assert not thread.is_alive()


def test_a_handler_that_starts_and_joins(impl, on_signal, when_main_sleeps):
    gate, seen = impl.Event(), []

    def handle():
        run(impl.Thread(target=seen.append, args=(1,)))
        gate.set()

    on_signal(handle)
    thread = impl.Thread(target=gate.wait)
    thread.start()
    when_main_sleeps(lambda: signal.pthread_kill(impl.main_thread().ident, signal.SIGUSR1))
    thread.join()
    assert seen == [1]


# ---- what goes wrong in a thread -----------------------------------------------------------------


@pytest.fixture
def hooked(impl, monkeypatch):
    """What threading.excepthook() is told."""
    told = []

    def hook(args):
        told.append((args.exc_type, str(args.exc_value), args.thread, args.exc_traceback is not None))

    monkeypatch.setattr(impl, "excepthook", hook)
    return told


def test_exceptions_go_to_the_hook(impl, hooked):
    thread = run(impl.Thread(target=int, args=("x",)))
    assert hooked == [(ValueError, "invalid literal for int() with base 10: 'x'", thread, True)]


def test_system_exit_reaches_a_hook_of_users(impl, hooked):
    thread = run(impl.Thread(target=sys.exit, args=(3,)))
    assert hooked == [(SystemExit, "3", thread, True)]


def test_system_exit_is_silent(impl, python):
    assert not python(
        f"""
import sys, {impl.__name__} as threading
for status in None, 3, "words":
    thread = threading.Thread(target=sys.exit, args=(status,))
    thread.start()
    thread.join()
"""
    )


def test_what_is_printed(impl, python):
    printed = python(
        f"""
import sys, {impl.__name__} as threading
sys.stderr = sys.stdout
thread = threading.Thread(target=lambda: [][1], name="unlucky")
thread.start()
thread.join()
"""
    ).splitlines()
    assert printed[:2] == ["Exception in thread unlucky:", "Traceback (most recent call last):"]
    assert printed[-1] == "IndexError: list index out of range"


def test_a_hook_that_is_none(impl, monkeypatch):
    monkeypatch.setattr(impl, "excepthook", None)
    with pytest.raises(RuntimeError, match="threading.excepthook is None"):
        impl.Thread(target=int)


def test_a_hook_that_becomes_none(impl, hooked, monkeypatch):
    """The one that was there when the thread was made is told."""
    thread = impl.Thread(target=int, args=("x",))
    monkeypatch.setattr(impl, "excepthook", None)
    run(thread)
    assert [told[0] for told in hooked] == [ValueError]


def test_a_failing_hook(impl, monkeypatch, capsys):
    def hook(args):
        raise KeyError("the hook fails")

    monkeypatch.setattr(impl, "excepthook", hook)
    told = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, traceback: told.append((kind, str(value))))
    thread = run(impl.Thread(target=lambda: 1 // 0))
    assert told == [(KeyError, "'the hook fails'")]
    assert capsys.readouterr().err == "Exception in threading.excepthook:\n"
    assert not thread.is_alive()


def test_a_thread_that_failed_keeps_no_exception(impl, hooked):
    class Mistake(Exception):
        pass

    alive = []

    def target():
        error = Mistake()
        alive.append(weakref.ref(error))
        raise error

    run(impl.Thread(target=target))
    gc.collect()
    assert alive[0]() is None


def test_hook_args(impl):
    args = impl.ExceptHookArgs((ValueError, ValueError("v"), None, None))
    assert (args.exc_type, str(args.exc_value), args.exc_traceback, args.thread) == (
        ValueError,
        "v",
        None,
        None,
    )
    with pytest.raises(TypeError):
        impl.ExceptHookArgs((1, 2))


@pytest.mark.since(3, 10)
def test_the_original_hook_can_be_put_back(impl, hooked, capsys):
    run(impl.Thread(target=lambda: 1 // 0))
    assert capsys.readouterr().err == ""
    impl.excepthook = impl.__excepthook__
    run(impl.Thread(target=lambda: 1 // 0))
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert len(hooked) == 1


def test_started_is_an_event_that_programs_may_change(impl):
    """test.support and debuggers do: what they set stays, whether or not the thread has run."""
    gate = impl.Event()
    thread = impl.Thread(target=gate.wait)
    assert not thread._started.is_set()
    thread.start()
    assert thread._started.wait(30)
    thread._started.clear()
    assert not thread._started.is_set()
    gate.set()
    thread._started.set()
    thread.join()
    assert thread._started.is_set()
    late = impl.Thread(target=int)
    late.start()
    late.join()
    assert late._started.is_set()
