"""The names and signatures are those of the running version's threading, and of 3.15's."""

import inspect
import sys
import threading

import pytest

import hasten.dummy_threading as dummy

ADDED = {"patched"}  # by us
LATER = {  # added to threading after 3.9
    "gettrace",
    "getprofile",
    "settrace_all_threads",
    "setprofile_all_threads",
    "serialize_iterator",
    "synchronized_iterator",
    "concurrent_tee",
}
FIELDS = {"interval", "function", "args", "kwargs", "finished", "acquire", "release"}  # told of in the class
CLASSES = ["Thread", "Timer", "Condition", "Event", "Semaphore", "BoundedSemaphore", "Barrier"]


def test_names():
    assert set(threading.__all__) <= set(dummy.__all__) <= set(threading.__all__) | LATER | ADDED
    assert all(hasattr(dummy, name) for name in dummy.__all__)
    if sys.version_info >= (3, 15):
        assert set(dummy.__all__) == set(threading.__all__) | ADDED
    assert {"currentThread", "activeCount", "__excepthook__"} <= set(vars(dummy))


def parameters(function):
    """[(name, default)] without self, and without what a method has in 3.15 only."""
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.default) for p in found if p.name not in ("self", "context", "args", "exc_info")]


@pytest.mark.parametrize("name", CLASSES)
def test_signatures(name):
    real, ours = getattr(threading, name), getattr(dummy, name)
    assert parameters(ours) == parameters(real)
    for method, function in vars(real).items():
        if inspect.isfunction(function) and not method.startswith("_"):
            assert parameters(getattr(ours, method)) == parameters(function), method
        elif isinstance(function, property):
            assert hasattr(ours, method), method


def test_functions():
    for name in dummy.__all__:
        real = getattr(threading, name, None)
        if inspect.isfunction(real) and not inspect.isclass(getattr(dummy, name)):
            assert parameters(getattr(dummy, name)) == parameters(real), name
            assert getattr(dummy, name).__doc__


def test_everything_is_documented():
    for name in CLASSES + ["Lock", "RLock", "local", "serialize_iterator", "patched"]:
        kind = getattr(dummy, name)
        assert kind.__doc__ and "--" not in kind.__doc__
        for method in dir(kind):
            if not method.startswith("_") and method not in FIELDS:
                assert inspect.getdoc(getattr(kind, method)), f"{name}.{method}"


@pytest.mark.parametrize("name", CLASSES + ["local", "serialize_iterator"])
def test_classes_say_where_they_are(name):
    kind = getattr(dummy, name)
    assert kind.__module__ == "hasten.dummy_threading" and kind.__qualname__ == name


@pytest.mark.parametrize("name", CLASSES)
def test_nothing_comes_from_the_standard_library(name):
    for kind in getattr(dummy, name).__mro__[:-1]:
        assert kind.__module__.startswith("hasten."), kind


def test_what_is_the_interpreters_own():
    assert dummy.ThreadError is RuntimeError
    assert dummy.BrokenBarrierError is threading.BrokenBarrierError
    assert dummy.ExceptHookArgs is threading.ExceptHookArgs
    assert dummy.TIMEOUT_MAX == threading.TIMEOUT_MAX
    assert dummy.get_native_id() == threading.get_native_id()
    assert dummy.stack_size() == 0
    assert dummy.__excepthook__ is dummy.excepthook


def test_it_does_not_need_threading(python):
    program = """
    import sys
    sys.modules["threading"] = None
    try:
        import threading
    except ImportError:
        import hasten.dummy_threading as threading
    thread = threading.Thread(target=print, args=["ran"])
    thread.start()
    thread.join()
    barrier = threading.Barrier(2)
    barrier.abort()
    try:
        barrier.wait()
    except threading.BrokenBarrierError as error:
        print(type(error).__module__)
    del sys.modules["threading"]  # the interpreter looks there at its end
    """
    assert python(program) == "ran\nhasten.dummy_threading\n"


def test_it_does_not_start_threads(python):
    program = """
    import _thread, os
    def refuse(*args, **kwargs):
        raise RuntimeError("can't start new thread")
    _thread.start_new_thread = _thread.start_new = _thread.start_joinable_thread = refuse
    import hasten.dummy_threading as threading
    threading.Thread(target=lambda: print(len(os.listdir("/proc/self/task")))).start()
    with threading.patched():
        import threading as real
        real.Timer(9, print, ["timer"]).start()
    """
    assert python(program) == "1\ntimer\n"


def test_it_leaves_threading_alone(python):
    program = """
    import threading
    before = dict(vars(threading))
    import hasten.dummy_threading
    print(vars(threading) == before)
    """
    assert python(program) == "True\n"
