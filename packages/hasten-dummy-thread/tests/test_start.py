"""Starting threads: they run at once, in the caller."""

import os
import signal
import sys

import pytest

import hasten._dummy_thread as dummy
from hasten._dummy_thread import _threads


class Failed(Exception):
    pass


def fail(*args, **kwargs):
    raise Failed("on purpose")


def test_the_function_has_run_when_start_returns():
    seen = []
    dummy.start_new_thread(lambda *args, **kwargs: seen.append((args, kwargs)), (1, 2), {"key": 3})
    assert seen == [((1, 2), {"key": 3})]


def test_it_runs_in_the_calling_thread_of_the_system():
    tasks, native = os.listdir("/proc/self/task"), []
    dummy.start_new_thread(lambda: native.append((dummy.get_native_id(), os.listdir("/proc/self/task"))), ())
    assert native == [(dummy.get_native_id(), tasks)]


def test_idents():
    outside, inside = dummy.get_ident(), []
    first = dummy.start_new_thread(lambda: inside.append(dummy.get_ident()), ())
    second = dummy.start_new_thread(lambda: inside.append(dummy.get_ident()), ())
    assert inside == [first, second]
    assert len({outside, first, second}) == 3 and 0 not in inside
    assert dummy.get_ident() == outside == dummy._get_main_thread_ident()


def test_threads_nest():
    seen = []

    def nest(depth):
        seen.append((dummy._count(), dummy.get_ident()))
        if depth:
            dummy.start_new_thread(nest, (depth - 1,))
        seen.append((dummy._count(), dummy.get_ident()))

    dummy.start_new_thread(nest, (20,))
    assert [count for count, _ in seen] == [*range(1, 22), *range(21, 0, -1)]
    assert [ident for _, ident in seen] == [ident for _, ident in reversed(seen)]
    assert dummy._count() == 0


def test_arguments_are_checked(impl):
    with pytest.raises(TypeError, match="first arg must be callable"):
        impl.start_new_thread(3, ())
    with pytest.raises(TypeError, match="2nd arg must be a tuple"):
        impl.start_new_thread(fail, [])
    with pytest.raises(TypeError, match="3rd arg must be a dict|must be a dict"):
        impl.start_new_thread(fail, (), [])


def test_a_subclass_of_tuple_and_dict_will_do():
    class Args(tuple):
        pass

    class Kwargs(dict):
        pass

    seen = []
    dummy.start_new_thread(lambda *a, **k: seen.append((a, k)), Args([1]), Kwargs(x=2))
    assert seen == [((1,), {"x": 2})]


@pytest.mark.parametrize("end", [dummy.exit, sys.exit, dummy.exit_thread])
def test_system_exit_ends_a_thread_silently(end, capfd):
    dummy.start_new_thread(end, ())
    assert capfd.readouterr() == ("", "")


def test_exit_raises_system_exit(impl):
    with pytest.raises(SystemExit):
        impl.exit()


def test_an_exception_is_printed(capsys):
    dummy.start_new_thread(fail, (1,))
    printed = capsys.readouterr().err
    assert printed.startswith("Traceback (most recent call last):")
    assert "in fail" in printed and printed.endswith("Failed: on purpose\n")


def test_an_exception_leaves_the_thread_behind(capsys):
    dummy.start_new_thread(fail, ())
    assert dummy._count() == 0 and dummy.get_ident() == dummy._get_main_thread_ident()
    assert "Failed" in capsys.readouterr().err


def test_ctrl_c_in_a_thread_comes_out_of_start():
    def interrupted():
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            dummy.start_new_thread(interrupted, ())
    finally:
        signal.signal(signal.SIGINT, before)
    assert dummy._count() == 0


def test_interrupt_main_outside():
    with pytest.raises(KeyboardInterrupt):
        dummy.interrupt_main()


def test_interrupt_main_takes_effect_when_the_outermost_thread_has_ended():
    seen = []

    def inner():
        dummy.interrupt_main()
        seen.append("inner")

    def outer():
        dummy.start_new_thread(inner, ())
        seen.append("outer")

    with pytest.raises(KeyboardInterrupt):
        dummy.start_new_thread(outer, ())
    assert seen == ["inner", "outer"]
    dummy.start_new_thread(seen.clear, ())  # and once only
    assert seen == []


def test_interrupt_main_calls_the_handler():
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append((number, frame.f_code.co_name)))
    try:
        dummy.interrupt_main(signal.SIGUSR1)
        assert len(seen) == 1 and seen[0][0] == signal.SIGUSR1
        dummy.start_new_thread(lambda: (dummy.interrupt_main(signal.SIGUSR1), seen.append("thread")), ())
        assert seen[1] == "thread" and seen[2][0] == signal.SIGUSR1
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_interrupt_main_without_a_handler():
    before = signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    try:
        assert dummy.interrupt_main(signal.SIGUSR1) is None
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("number", [0, -1, 10_000])
def test_interrupt_main_refuses(number):
    with pytest.raises(ValueError, match=f"out of range: {number}"):
        dummy.interrupt_main(number)


def test_interrupt_main_wants_a_number():
    with pytest.raises(TypeError, match="'str' object cannot be interpreted"):
        dummy.interrupt_main("INT")


def test_at_thread_end():
    seen = []

    def run():
        assert _threads.at_thread_end(lambda: seen.append(dummy._count()))
        assert _threads.is_inside()
        seen.append("run")

    _threads.run_as_thread(run)
    assert seen == ["run", 1]
    assert not _threads.is_inside()
    assert _threads.at_thread_end(seen.clear) is False
    assert seen == ["run", 1]


def test_at_thread_end_after_an_exception():
    seen = []

    def run():
        _threads.at_thread_end(lambda: seen.append("end"))
        raise Failed

    with pytest.raises(Failed):
        _threads.run_as_thread(run)
    assert seen == ["end"] and not _threads.is_inside()


def test_a_sentinel_is_released_when_its_thread_ends():
    seen = []

    def run():
        sentinel = dummy._set_sentinel()
        sentinel.acquire()
        seen.append((sentinel, sentinel.locked()))

    dummy.start_new_thread(run, ())
    sentinel, was_locked = seen[0]
    assert was_locked and not sentinel.locked()
    assert isinstance(dummy._set_sentinel(), dummy.LockType)


@pytest.mark.parametrize("size", [None, 0])
def test_stack_size(size):
    assert dummy.stack_size(size) == dummy.stack_size() == 0


@pytest.mark.parametrize("size", [1 << 20, "", -1])
def test_stack_size_cannot_be_set(size):
    with pytest.raises(dummy.error, match="setting thread stack size not supported"):
        dummy.stack_size(size)


def test_little_things():
    assert dummy.error is RuntimeError
    assert dummy.daemon_threads_allowed() is True and dummy._is_main_interpreter() is True
    assert dummy._shutdown() is None
    assert dummy.TIMEOUT_MAX > 2**31 - 1
    assert dummy.start_new is dummy.start_new_thread and dummy.allocate is dummy.allocate_lock


def test_all_names_are_there():
    assert all(hasattr(dummy, name) for name in dummy.__all__)
