"""Names, signatures, docstrings and class relations."""

import concurrent.futures as stdlib
import importlib
import inspect
import sys

import pytest

import hasten.futures as ours

NAMES = [
    *["FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"],
    *["CancelledError", "TimeoutError", "InvalidStateError", "BrokenExecutor"],
    *["Future", "Executor", "wait", "as_completed"],
    *["ProcessPoolExecutor", "ThreadPoolExecutor", "InterpreterPoolExecutor"],
]
SIGNATURES = {
    "Future": "()",
    "Future.cancel": "(self, *, kill=False)",
    "Future.cancelled": "(self)",
    "Future.running": "(self)",
    "Future.done": "(self)",
    "Future.result": "(self, timeout=None)",
    "Future.exception": "(self, timeout=None)",
    "Future.add_done_callback": "(self, fn)",
    "Future.set_running_or_notify_cancel": "(self)",
    "Future.set_result": "(self, result)",
    "Future.set_exception": "(self, exception)",
    "Future._get_snapshot": "(self)",
    "Executor.submit": "(self, fn, /, *args, **kwargs)",
    "Executor.map": "(self, fn, *iterables, timeout=None, chunksize=1, buffersize=None, progress=None)",
    "Executor.shutdown": "(self, wait=True, *, cancel_futures=False, timeout=None)",
    "ThreadPoolExecutor": (
        "(max_workers=None, thread_name_prefix='', initializer=None, initargs=(), **ctxkwargs)"
    ),
    "ThreadPoolExecutor.submit": "(self, fn, /, *args, **kwargs)",
    "ThreadPoolExecutor.shutdown": "(self, wait=True, *, cancel_futures=False, timeout=None)",
    "ThreadPoolExecutor.prepare_context": "(initializer, initargs)",
    "thread.WorkerContext": "(initializer, initargs)",
    "thread.WorkerContext.prepare": "(initializer, initargs)",
    "thread.WorkerContext.initialize": "(self)",
    "thread.WorkerContext.finalize": "(self)",
    "thread.WorkerContext.run": "(self, task)",
    "wait": "(fs, timeout=None, return_when='ALL_COMPLETED')",
    "as_completed": "(fs, timeout=None)",
}
CLASSES = ["Future", "Executor", "ThreadPoolExecutor"]
NO_METHODS = {"__module__", "__dict__", "__weakref__", "__doc__", "__firstlineno__", "__static_attributes__"}


def find(path):
    found = ours
    for name in path.split("."):
        found = getattr(found, name)
    return found


def without_names_only(signature):
    """What is compiled says which arguments have no keyword."""
    return signature.replace(", /)", ")").replace("(self, /, ", "(self, ")


@pytest.mark.parametrize("path", SIGNATURES)
def test_signature(path):
    assert without_names_only(str(inspect.signature(find(path)))) == SIGNATURES[path]


@pytest.mark.skipif(sys.version_info < (3, 15), reason="the library has all of these since 3.15")
@pytest.mark.parametrize("path", [path for path in SIGNATURES if not path.startswith("thread")])
def test_signatures_accept_what_the_librarys_do(path):
    theirs = stdlib
    for name in path.split("."):
        theirs = getattr(theirs, name)
    parameters = inspect.signature(find(path)).parameters
    for name, parameter in inspect.signature(theirs).parameters.items():
        if name not in ("self",):
            assert parameters[name].default == parameter.default
            assert parameters[name].kind == parameter.kind


@pytest.mark.parametrize("path", [path for path in SIGNATURES if path != "thread.WorkerContext"])
def test_docstring(path):
    assert find(path).__doc__


def test_public_names():
    assert set(ours.__all__) == set(NAMES) >= set(stdlib.__all__)
    assert len(ours.__all__) == len(NAMES)
    for name in NAMES:
        assert hasattr(ours, name)
    assert set(NAMES) <= set(dir(ours))
    with pytest.raises(AttributeError, match="hasten.futures.*missing"):
        _ = ours.missing


def test_import_star():
    space = {}
    exec("from hasten.futures import *", space)
    assert set(NAMES) <= set(space)


@pytest.mark.parametrize("name", ["CancelledError", "TimeoutError", "InvalidStateError", "BrokenExecutor"])
def test_exceptions_are_the_librarys(name):
    assert getattr(ours, name) is getattr(stdlib, name)


@pytest.mark.parametrize("name", ["FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"])
def test_constants_are_the_librarys(name):
    assert getattr(ours, name) == getattr(stdlib, name) == name


@pytest.mark.parametrize("module, names", [
    ("_base", ["PENDING", "RUNNING", "CANCELLED", "CANCELLED_AND_NOTIFIED", "FINISHED", "LOGGER", "Error"]),
    ("_base", ["BrokenExecutor", "CancelledError", "InvalidStateError", "TimeoutError"]),
    ("thread", ["BrokenThreadPool"]),
    ("process", ["BrokenProcessPool"]),
])  # fmt: skip
def test_modules_have_what_the_librarys_have(module, names):
    here = importlib.import_module(f"hasten.futures.{module}")
    there = importlib.import_module(f"concurrent.futures.{module}")
    for name in names:
        assert getattr(here, name) is getattr(there, name)


@pytest.mark.parametrize("name", CLASSES)
def test_submodules_have_our_classes(name):
    module = "thread" if name.startswith("Thread") else "_base"
    assert getattr(importlib.import_module(f"hasten.futures.{module}"), name) is getattr(ours, name)


@pytest.mark.parametrize("name", CLASSES)
def test_names_of_classes(name):
    cls = getattr(ours, name)
    assert (cls.__module__, cls.__qualname__) == ("hasten.futures", name)


@pytest.mark.parametrize("name", CLASSES)
def test_ours_are_the_librarys_too(name):
    assert issubclass(getattr(ours, name), getattr(stdlib, name))
    assert isinstance(ours.Future(), stdlib.Future)
    with ours.ThreadPoolExecutor(1) as pool:
        assert isinstance(pool, (stdlib.ThreadPoolExecutor,)) and isinstance(pool, stdlib.Executor)
        assert isinstance(pool, ours.Executor)
        assert isinstance(pool.submit(len, ""), stdlib.Future)
    assert not isinstance(ours.Future(), stdlib.Executor)
    assert not isinstance(5, (ours.Future, ours.Executor))


@pytest.mark.parametrize("name", CLASSES)
def test_no_method_is_the_librarys(name):
    cls = getattr(ours, name)
    theirs = {
        attribute
        for base in cls.__mro__
        if base.__module__.startswith("concurrent.futures")
        for attribute in vars(base)
    }
    for attribute in theirs - NO_METHODS:
        if attribute.startswith("_") and not attribute.endswith("__"):
            continue  # called by the library's own methods alone, and those are never reached
        home = next(base for base in cls.__mro__ if attribute in vars(base))
        if callable(vars(home)[attribute]) or isinstance(vars(home)[attribute], (property, classmethod)):
            assert home.__module__.startswith("hasten."), f"{name}.{attribute} comes from {home}"


def test_private_methods_that_others_call():
    for method in ("_invoke_callbacks", "_get_snapshot"):
        home = next(base for base in ours.Future.__mro__ if method in vars(base))
        assert home.__module__.startswith("hasten.")


def test_the_base_class_of_executors(impl):
    executor = impl.Executor()
    with pytest.raises(NotImplementedError):
        executor.submit(len, "")
    assert executor.shutdown() is None
    with executor as same:
        assert same is executor


def test_executors_of_ones_own(impl):
    """submit() is all that one must define."""

    class Here(impl.Executor):
        def submit(self, fn, /, *args, **kwargs):
            future = impl.Future()
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)
            return future

    with Here() as executor:
        assert list(executor.map(pow, [1, 2, 3], [2, 2, 2])) == [1, 4, 9]
        assert isinstance(executor, stdlib.Executor)
