"""InterpreterPoolExecutor: what passes between interpreters, failures, and Pythons that have none.

The calls are made by functions of the standard library, by functions without globals, and by those of a
module that each test writes: what this file defines can't be imported in another interpreter.
"""

from __future__ import annotations

import concurrent.futures
import gc
import importlib
import operator
import subprocess
import sys
import weakref
from types import ModuleType
from typing import Any

import pytest
from support.tasks import LONG

import hasten.futures
from hasten.futures import interpreter, thread

interpreters: Any
try:
    from concurrent import interpreters
except ImportError:
    interpreters = None

needs_interpreters = pytest.mark.skipif(interpreters is None, reason="this Python has no interpreters")

MODULE = '''
import os

state = ["fresh"]


class Unpicklable(Exception):
    def __reduce__(self):
        raise TypeError("not to be pickled")


class OneWay(Exception):
    """Can be pickled, but what was pickled can't be restored."""
    def __init__(self, first, second):
        super().__init__(first)


class Late:
    """The same for a value."""
    def __init__(self, value=None):
        if value == 1:
            raise RuntimeError("gotcha")

    def __reduce__(self):
        return Late, (1,)


def set_state(value):
    state.append(value)


def get_state():
    return state[-1]


def where():
    from concurrent import interpreters
    return interpreters.get_current().id, os.getpid()


def return_late():
    return Late()
'''


def see(folder):
    """An initializer: import from *folder*.  The path of the main interpreter is not that of others."""
    import sys

    sys.path.insert(0, folder)


def fail(kind, *args):
    raise kind(*args)


@pytest.fixture
def tasks(tmp_path, monkeypatch) -> Any:
    """A module that other interpreters can import."""
    (tmp_path / "tasks_elsewhere.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("tasks_elsewhere")
    sys.modules.pop("tasks_elsewhere")


@pytest.fixture
def pool_class(impl: ModuleType) -> Any:
    if interpreters is None:
        pytest.skip("this Python has no interpreters")
    return impl.InterpreterPoolExecutor


@pytest.fixture
def seeing(tmp_path) -> dict[str, Any]:
    """Arguments of a pool whose interpreters can import what the fixture `tasks` is."""
    return {"initializer": see, "initargs": (str(tmp_path),)}


@pytest.fixture
def pool(pool_class, seeing):
    with pool_class(2, **seeing) as pool:
        yield pool


def outcome(future) -> BaseException:
    error = future.exception(LONG)
    assert error is not None
    return error


# ---- calls ----


def test_calls(pool):
    assert pool.submit(pow, 2, 8).result(LONG) == 256
    assert pool.submit(int, "ff", base=16).result(LONG) == 255
    assert list(pool.map(operator.mul, range(10), range(10))) == [n * n for n in range(10)]


def test_functions_without_globals(pool):
    assert pool.submit(lambda: 3).result(LONG) == 3
    assert pool.submit(lambda a, b: a + b, 1, b=2).result(LONG) == 3


def test_another_interpreter_in_this_process(pool, tasks):
    import os

    number, pid = pool.submit(tasks.where).result(LONG)
    assert pid == os.getpid()
    assert number != interpreters.get_main().id


def test_a_worker_keeps_its_interpreter(pool_class, tasks, seeing):
    with pool_class(1, **seeing) as pool:
        assert pool.submit(tasks.get_state).result(LONG) == "fresh"
        pool.submit(tasks.set_state, "used").result(LONG)
        assert pool.submit(tasks.get_state).result(LONG) == "used"
    assert tasks.state == ["fresh"]


def test_large_values(pool):
    text = "x" * 1_000_000
    assert pool.submit(str.upper, text).result(LONG) == text.upper()
    assert pool.submit(sorted, list(range(10_000)), reverse=True).result(LONG)[0] == 9_999


def test_interpreters_are_closed(pool_class):
    before = len(interpreters.list_all())
    with pool_class(2) as pool:
        pool.submit(pow, 2, 2).result(LONG)
        assert len(interpreters.list_all()) > before
    assert len(interpreters.list_all()) == before


def test_a_dropped_pool_closes_its_interpreters(pool_class, until):
    before = len(interpreters.list_all())
    pool = pool_class(1)
    pool.submit(pow, 2, 2).result(LONG)
    seen = weakref.ref(pool)
    del pool
    gc.collect()
    assert seen() is None
    until(lambda: len(interpreters.list_all()) == before)


def test_names(pool_class):
    with pool_class(1) as pool:
        pool.submit(pow, 1, 1).result(LONG)
        assert [thread.name.partition("-")[0] for thread in pool._threads] == ["InterpreterPoolExecutor"]
    with pool_class(1, thread_name_prefix="abc") as pool:
        pool.submit(pow, 1, 1).result(LONG)
        assert [thread.name for thread in pool._threads] == ["abc_0"]


# ---- failures ----


def test_an_exception_comes_back_as_it_is(pool):
    error = outcome(pool.submit(fail, ValueError, "spam", 5))
    assert type(error) is ValueError
    assert error.args == ("spam", 5)
    cause = error.__cause__
    assert isinstance(cause, interpreters.ExecutionFailed)
    assert cause.excinfo.type.__name__ == "ValueError"
    assert "in fail" in str(cause)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_exceptions_of_any_kind(pool, kind):
    assert type(outcome(pool.submit(fail, kind, 3))) is kind
    assert pool.submit(pow, 2, 2).result(LONG) == 4


@pytest.mark.ours  # the standard library prints it as well
def test_an_exception_that_can_not_be_sent(pool, tasks, capfd):
    error = outcome(pool.submit(fail, tasks.Unpicklable, "spam"))
    assert type(error) is interpreters.ExecutionFailed
    assert "Unpicklable" in str(error)
    assert error.__cause__ is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.ours  # in the standard library's place is why it can't be restored
def test_an_exception_that_can_not_be_restored(pool, tasks):
    error = outcome(pool.submit(fail, tasks.OneWay, "spam", "eggs"))
    assert type(error) is interpreters.ExecutionFailed
    assert "OneWay: spam" in str(error)


def test_what_was_lost_does_not_turn_up_later(pool_class, tasks, seeing):
    with pool_class(1, **seeing) as pool:
        assert isinstance(outcome(pool.submit(fail, tasks.OneWay, 1, 2)), Exception)
        assert isinstance(outcome(pool.submit(fail, tasks.Unpicklable)), Exception)
        assert type(outcome(pool.submit(fail, LookupError))) is LookupError


def test_closures_and_local_classes(pool):
    outer = 5

    class Local:
        def method(self):
            return 1

    for function in (lambda: outer, Local, Local().method):
        assert isinstance(outcome(pool.submit(function)), interpreters.NotShareableError)


def test_arguments_that_can_not_be_sent(pool):
    assert isinstance(outcome(pool.submit(str, lambda: pool)), interpreters.NotShareableError)


def test_arguments_that_can_not_be_restored(pool, tasks):
    assert isinstance(outcome(pool.submit(str, tasks.Late())), interpreters.NotShareableError)
    assert pool.submit(pow, 2, 2).result(LONG) == 4


def test_results_that_can_not_be_sent(pool, tasks):
    assert isinstance(outcome(pool.submit(open, __file__)), Exception)
    assert isinstance(outcome(pool.submit(tasks.return_late)), Exception)
    assert pool.submit(pow, 2, 2).result(LONG) == 4


@pytest.mark.parametrize("argument", ["fn", "initializer"])
def test_scripts(pool_class, argument):
    with pytest.raises(TypeError, match="scripts not supported"):
        if argument == "fn":
            with pool_class(1) as pool:
                pool.submit("print(5)")
        else:
            pool_class(1, initializer="print(5)")


# ---- initializers ----


def test_initializer(pool_class):
    def keep(value):
        import sys

        sys.kept_for_the_test = value

    def kept():
        import sys

        return sys.kept_for_the_test

    with pool_class(1, initializer=keep, initargs=("ready",)) as pool:
        assert pool.submit(kept).result(LONG) == "ready"
    assert not hasattr(sys, "kept_for_the_test")


def test_an_initializer_that_raises(pool_class, log):
    before = len(interpreters.list_all())
    with pool_class(1, initializer=fail, initargs=(LookupError, "spam")) as pool:
        future = pool.submit(pow, 2, 2)
        error = outcome(future)
        assert isinstance(error, concurrent.futures.interpreter.BrokenInterpreterPool)
        assert isinstance(error, concurrent.futures.BrokenExecutor)
        with pytest.raises(type(error)):
            pool.submit(pow, 2, 2)
    assert [type(error) for error in log.errors] == [LookupError]
    assert len(interpreters.list_all()) == before


@pytest.mark.ours
def test_a_broken_pool_names_its_cause(pool_class, log):
    with pool_class(1, initializer=fail, initargs=(LookupError, "spam")) as pool:
        cause = outcome(pool.submit(pow, 2, 2)).__cause__
    assert isinstance(cause, LookupError)
    assert isinstance(cause.__cause__, interpreters.ExecutionFailed)


def test_an_initializer_that_can_not_be_sent(pool_class, log):
    with pool_class(1, initializer=lambda: pool_class) as pool:
        assert isinstance(
            outcome(pool.submit(pow, 2, 2)), concurrent.futures.interpreter.BrokenInterpreterPool
        )
    assert [type(error) for error in log.errors] == [interpreters.NotShareableError]


# ---- identity ----


@needs_interpreters
def test_it_is_the_standard_librarys_too():
    theirs = concurrent.futures.interpreter
    assert issubclass(hasten.futures.InterpreterPoolExecutor, theirs.InterpreterPoolExecutor)
    assert interpreter.BrokenInterpreterPool is theirs.BrokenInterpreterPool
    assert interpreter.ExecutionFailed is interpreters.ExecutionFailed
    with hasten.futures.InterpreterPoolExecutor(1) as pool:
        assert isinstance(pool, concurrent.futures.ThreadPoolExecutor)
        assert isinstance(pool, theirs.InterpreterPoolExecutor)


@needs_interpreters
def test_no_method_is_the_standard_librarys():
    theirs = concurrent.futures.interpreter.InterpreterPoolExecutor
    for name in ("__init__", "prepare_context", "submit", "map", "shutdown", "__enter__", "__exit__"):
        for cls in hasten.futures.InterpreterPoolExecutor.__mro__:
            if name in vars(cls):
                assert cls not in theirs.__mro__, name
                break


@needs_interpreters
def test_a_context_on_its_own():
    make_context, resolve = interpreter.WorkerContext.prepare(None, ())
    context = make_context()
    assert isinstance(context, thread.WorkerContext)
    before = len(interpreters.list_all())
    context.initialize()
    assert len(interpreters.list_all()) == before + 1
    assert context.run(resolve(pow, (2, 3), {})) == 8
    context.finalize()
    context.finalize()
    assert len(interpreters.list_all()) == before
    context.initialize()
    del context
    gc.collect()
    assert len(interpreters.list_all()) == before


@needs_interpreters
def test_our_module_in_another_interpreter():
    """It is the standard library's there: functions of a script that imports it can be sent."""

    def names():
        import concurrent.futures.thread

        import hasten.futures
        import hasten.futures.interpreter
        import hasten.futures.thread
        from hasten.futures import InterpreterPoolExecutor, ThreadPoolExecutor, thread

        with ThreadPoolExecutor(1) as pool:
            results = list(pool.map(str, range(3)))
            done = [future.result() for future in hasten.futures.as_completed([pool.submit(str, 5)])]
        same = thread is hasten.futures.thread is concurrent.futures.thread
        return same, InterpreterPoolExecutor.__module__, hasten.futures.Future.__module__, results, done

    with hasten.futures.InterpreterPoolExecutor(1) as pool:
        same, pool_from, future_from, results, done = pool.submit(names).result(LONG)
    assert same
    assert (pool_from, future_from) == ("concurrent.futures.interpreter", "concurrent.futures._base")
    assert (results, done) == (["0", "1", "2"], ["5"])


@needs_interpreters
def test_functions_of_a_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from hasten.futures import InterpreterPoolExecutor\n"
        "state = ['fresh']\n"
        "def begin(value): state.append(value)\n"
        "def look(): return state\n"
        "if __name__ == '__main__':\n"
        "    with InterpreterPoolExecutor(1, initializer=begin, initargs=('used',)) as pool:\n"
        "        print(pool.submit(look).result(), state)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("['fresh', 'used'] ['fresh']\n", "")


# ---- Pythons without interpreters ----


@pytest.mark.skipif(interpreters is not None, reason="this Python has interpreters")
def test_older_pythons_say_what_is_needed():
    with pytest.raises(RuntimeError, match=r"needs concurrent\.interpreters.*3\.14"):
        hasten.futures.InterpreterPoolExecutor()
    assert issubclass(hasten.futures.InterpreterPoolExecutor, concurrent.futures.ThreadPoolExecutor)
    assert issubclass(interpreter.BrokenInterpreterPool, concurrent.futures.thread.BrokenThreadPool)
    assert issubclass(interpreter.ExecutionFailed, RuntimeError)
    assert issubclass(interpreter.WorkerContext, thread.WorkerContext)
