"""Join handles: done as soon as somebody outside can look at them."""

import math

import pytest

import hasten._dummy_thread as dummy


def test_a_handle_is_done():
    seen = []
    handle = dummy.start_joinable_thread(lambda: seen.append(dummy.get_ident()))
    assert handle.is_done() and seen == [handle.ident]
    assert handle.join() is None and handle.join(5) is None


def test_a_handle_of_ones_own():
    handle = dummy._ThreadHandle()
    assert handle.ident == 0 and not handle.is_done()
    with pytest.raises(RuntimeError, match="thread not started"):
        handle.join()
    with pytest.raises(RuntimeError, match="thread not started"):
        handle._set_done()
    assert dummy.start_joinable_thread(list, handle, daemon=False) is handle
    assert handle.is_done()
    with pytest.raises(RuntimeError, match="thread already started"):
        dummy.start_joinable_thread(list, handle=handle)


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="must be callable"):
        dummy.start_joinable_thread(3)
    with pytest.raises(TypeError, match="must be a _ThreadHandle"):
        dummy.start_joinable_thread(list, object())


def test_a_thread_cannot_join_itself():
    handle, errors = dummy._ThreadHandle(), []

    def run():
        assert not handle.is_done()
        with pytest.raises(RuntimeError, match="Cannot join current thread") as error:
            handle.join()
        errors.append(error)

    dummy.start_joinable_thread(run, handle)
    assert errors and handle.is_done()


def test_a_thread_cannot_wait_for_the_one_that_started_it(sleeps):
    outer, errors = dummy._ThreadHandle(), []

    def inner():
        words = rf"join\(\) would wait for ever: thread {outer.ident} "
        with pytest.raises(RuntimeError, match=words) as error:
            outer.join()
        errors.append(error)
        assert outer.join(2.5) is None and not outer.is_done()

    dummy.start_joinable_thread(lambda: dummy.start_joinable_thread(inner), outer)
    assert errors and sleeps == [2.5]


def test_timeouts_are_checked():
    handle = dummy.start_joinable_thread(list)
    with pytest.raises(ValueError, match="NaN"):
        handle.join(math.nan)
    with pytest.raises(TypeError, match="real number"):
        handle.join("1")
    with pytest.raises(OverflowError, match="timeout value is too large"):
        handle.join(1e300)


def test_a_handle_for_a_thread_that_runs():
    handle = dummy._make_thread_handle(dummy.get_ident())
    assert handle.ident == dummy.get_ident() and not handle.is_done()
    with pytest.raises(RuntimeError, match="Cannot join current thread"):
        handle.join()
    handle._set_done()
    assert handle.is_done() and handle.join() is None


def test_an_exception_is_printed_and_the_handle_done(capsys):
    handle = dummy.start_joinable_thread(lambda: 1 / 0)
    assert handle.is_done() and "ZeroDivisionError" in capsys.readouterr().err
    handle = dummy._ThreadHandle()

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dummy.start_joinable_thread(interrupted, handle)
    assert handle.is_done()


def test_repr_and_pickle():
    handle = dummy.start_joinable_thread(list)
    assert repr(handle) == f"<_ThreadHandle object: ident={handle.ident}>"
    with pytest.raises(TypeError, match="cannot pickle '_ThreadHandle' object"):
        handle.__reduce__()
