"""_local: values of its own for each thread.  One body over the interpreter's class and ours."""

import gc
import threading
import weakref

import pytest

import hasten._dummy_thread as dummy


@pytest.fixture
def run(impl):
    """Call a function in a new thread, and return what it returns."""

    def run(function, *args):
        outcome = []
        if impl is dummy:
            impl.start_new_thread(lambda: outcome.append(function(*args)), ())
        else:
            thread = threading.Thread(target=lambda: outcome.append(function(*args)))
            thread.start()
            thread.join()
        return outcome[0]

    return run


class Thing:
    pass


def test_each_thread_has_its_own_values(impl, run):
    local = impl._local()
    local.x = 1

    def inside():
        missing = not hasattr(local, "x")
        local.x = 2
        local.y = 3
        return missing, vars(local)

    assert run(inside) == (True, {"x": 2, "y": 3})
    assert vars(local) == local.__dict__ == {"x": 1}


def test_threads_inside_of_threads(impl, run):
    local = impl._local()

    def nest(depth):
        local.depth = depth
        inner = run(nest, depth - 1) if depth else []
        return [*inner, local.depth]

    assert run(nest, 5) == [0, 1, 2, 3, 4, 5]
    assert vars(local) == {}


def test_a_local_made_in_a_thread(impl, run):
    def inside():
        local = impl._local()
        local.x = 1
        return local, local.x

    local, x = run(inside)
    assert x == 1 and not hasattr(local, "x")


def test_init_is_called_in_each_thread(impl, run):
    calls = []

    class Counted(impl._local):
        shared = "shared"

        def __init__(self, *args, **kwargs):
            calls.append((args, kwargs))
            self.number = len(calls)

        def double(self):
            return 2 * self.number

    local = Counted(1, x=2)
    assert local.number == 1
    assert run(lambda: (local.number, local.number, local.double(), local.shared)) == (2, 2, 4, "shared")
    assert local.number == 1 and calls == [((1,), {"x": 2})] * 2


def test_a_failing_init_is_called_again(impl, run):
    fail = []

    class Failing(impl._local):
        def __init__(self):
            if fail:
                raise ZeroDivisionError
            self.ready = True

    local = Failing()
    fail.append(True)

    def inside():
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                local.ready  # noqa: B018
        fail.clear()
        return local.ready

    assert run(inside) is True and local.ready is True


def test_arguments_need_an_init(impl):
    with pytest.raises(TypeError, match="Initialization arguments are not supported"):
        impl._local(1)
    with pytest.raises(TypeError, match="Initialization arguments are not supported"):
        impl._local(x=1)


def test_attributes(impl):
    local = impl._local()
    with pytest.raises(AttributeError, match="has no attribute 'x'"):
        local.x  # noqa: B018
    with pytest.raises(AttributeError):
        del local.x
    local.x = 1
    del local.x
    assert not hasattr(local, "x")
    with pytest.raises(AttributeError, match="'__dict__' is read-only"):
        local.__dict__ = {}
    with pytest.raises(AttributeError, match="'__dict__' is read-only"):
        del local.__dict__


def test_properties_and_slots(impl, run):
    class Rich(impl._local):
        __slots__ = ("common",)

        @property
        def twice(self):
            return 2 * self.x

        @twice.setter
        def twice(self, value):
            self.x = value // 2

    local = Rich()
    local.common = "same everywhere"
    local.twice = 10

    def inside():
        local.x = 1
        return local.twice, local.common

    assert local.x == 5 and run(inside) == (2, "same everywhere") and local.twice == 10


def test_values_go_with_their_thread(impl, run):
    local = impl._local()

    def inside():
        local.thing = Thing()
        return weakref.ref(local.thing)

    ref = run(inside)
    gc.collect()
    assert ref() is None


def test_values_go_with_the_local(impl, run):
    def inside():
        local = impl._local()
        local.thing = Thing()
        ref = weakref.ref(local.thing)
        del local
        gc.collect()
        return ref()

    assert run(inside) is None and inside() is None


def test_a_local_in_a_cycle_with_its_values(impl):
    local = impl._local()
    local.me = local
    ref = weakref.ref(local)
    del local
    gc.collect()
    assert ref() is None


def test_a_value_whose_end_uses_the_local(impl, run):
    local, seen = impl._local(), []

    class Late:
        def __del__(self):
            seen.append(hasattr(local, "late"))

    def inside():
        local.late = Late()

    run(inside)
    gc.collect()
    assert seen == [False]


def test_real_threads_are_kept_apart_too():
    local = dummy._local()
    local.x = "main"
    seen = []

    def inside():
        seen.append(hasattr(local, "x"))
        local.x = "thread"
        dummy.start_new_thread(lambda: seen.append(hasattr(local, "x")), ())
        seen.append(local.x)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [False, False, "thread"] and local.x == "main"
