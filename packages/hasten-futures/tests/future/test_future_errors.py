"""Exceptions of every sort as the outcome of a Future."""

import pytest


class Falsey(Exception):
    def __bool__(self):
        return False


class Empty(Exception):
    def __len__(self):
        return 0


class Nasty(Exception):
    """Fails whenever somebody wants to know more about it."""

    def __bool__(self):
        raise AssertionError("nobody may ask")

    __repr__ = __str__ = __len__ = __hash__ = __bool__

    def __eq__(self, other):
        raise AssertionError("nobody may ask")


def raised_by(future):
    try:
        future.result()
    except BaseException as error:
        return error


@pytest.mark.parametrize("kind", [
    ValueError,
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    StopIteration,
    BaseException,
])  # fmt: skip
def test_any_exception_is_raised_as_it_is(impl, kind):
    future, error = impl.Future(), kind("why")
    future.set_exception(error)
    assert future.exception() is error
    for _ in range(3):
        with pytest.raises(kind) as caught:
            future.result()
        assert caught.value is error
    assert repr(future).endswith(f"raised {kind.__name__}>")


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, Falsey])
def test_any_exception_of_a_task(impl, make_pool, kind):
    def task():
        raise kind("why")

    pool = make_pool(1)
    future = pool.submit(task)
    assert type(future.exception(30)) is kind
    assert pool.submit(len, "abc").result(30) == 3
    assert len(pool._threads) <= 1


@pytest.mark.since(3, 13, 3)
@pytest.mark.parametrize("kind", [Falsey, Empty])
def test_falsey_exceptions(impl, kind):
    future, error = impl.Future(), kind()
    future.set_exception(error)
    assert future.exception() is error
    with pytest.raises(kind) as caught:
        future.result()
    assert caught.value is error
    done, not_done = impl.wait([future, impl.Future()], 0, impl.FIRST_EXCEPTION)
    assert (done, len(not_done)) == ({future}, 1)


@pytest.mark.since(3, 13, 3)
def test_exceptions_that_can_not_be_looked_at(impl, spawn):
    future, error = impl.Future(), Nasty()
    waiting = spawn(raised_by, future).settle()
    future.set_exception(error)
    assert future.exception() is error
    assert raised_by(future) is error
    assert waiting.result() is error
    assert impl.wait([future]).done == {future}
    assert list(impl.as_completed([future])) == [future]


@pytest.mark.ours
def test_their_repr_names_the_class(impl):
    """The standard library asks the exception whether it is true."""
    for kind in (Nasty, Falsey):
        future = impl.Future()
        future.set_exception(kind())
        assert repr(future).endswith(f"state=finished raised {kind.__name__}>")


def test_results_that_can_not_be_looked_at(impl, make_pool):
    """An exception is a result like any other when it was returned."""
    result = Nasty()
    future = make_pool(1).submit(lambda: result)
    assert future.result(30) is result
    assert future.exception() is None
    assert repr(future).endswith("returned Nasty>")


def test_no_exception_is_a_result_of_none(impl):
    future = impl.Future()
    future.set_exception(None)
    assert (future.done(), future.exception(), future.result()) == (True, None, None)


def test_a_class_is_raised_as_an_instance(impl):
    future = impl.Future()
    future.set_exception(KeyError)
    assert future.exception() is KeyError
    with pytest.raises(KeyError):
        future.result()


def test_what_is_no_exception(impl):
    future = impl.Future()
    future.set_exception("words")
    assert future.exception() == "words"
    with pytest.raises(TypeError, match="exceptions must derive from BaseException"):
        future.result()


def test_cancelled_error_as_a_result(impl):
    """What the call raised is no cancellation."""
    future, error = impl.Future(), impl.CancelledError("inside")
    future.set_exception(error)
    assert future.cancelled() is False
    assert future.exception() is error is raised_by(future)


def test_traceback_leads_to_the_task(impl, make_pool):
    def culprit():
        raise ValueError

    error = raised_by(make_pool(1).submit(culprit))
    names, traceback = [], error.__traceback__
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert names[0] == "raised_by" and names[-1] == "culprit"


def test_the_traceback_of_the_asker_is_not_kept_for_ever(impl):
    """Each result() adds its frames to the one exception, as `raise` does.  exception() adds nothing."""
    future, error = impl.Future(), ValueError()
    future.set_exception(error)
    assert error.__traceback__ is None
    future.exception()
    assert error.__traceback__ is None
    raised_by(future)
    assert error.__traceback__ is not None


def test_context_and_cause_stay(impl, make_pool):
    def task():
        try:
            raise KeyError("first")
        except KeyError as first:
            raise ValueError("second") from first

    error = raised_by(make_pool(1).submit(task))
    assert type(error) is ValueError
    assert type(error.__cause__) is type(error.__context__) is KeyError


def test_raised_while_another_is_handled(impl):
    future, error = impl.Future(), ValueError()
    future.set_exception(error)
    try:
        raise KeyError("outer")
    except KeyError as outer:
        assert raised_by(future) is error
        assert error.__context__ is outer
