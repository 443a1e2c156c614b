"""excepthook, settrace, setprofile."""

import _thread
import sys

import pytest

import hasten.dummy_threading as dummy


def fail():
    raise ValueError("on purpose")


def finished(thread):
    thread.start()
    thread.join()
    return thread


def test_excepthook_is_called(impl, monkeypatch):
    seen = []

    def hook(args):
        seen.append((args.exc_type, str(args.exc_value), args.exc_traceback is not None, args.thread))
        seen.append(impl.current_thread())

    monkeypatch.setattr(impl, "excepthook", hook)
    thread = finished(impl.Thread(target=fail))
    assert seen == [(ValueError, "on purpose", True, thread), thread]


def test_the_default_prints(impl, capsys, monkeypatch):
    monkeypatch.setattr(impl, "excepthook", _thread._excepthook)  # pytest has put its own there
    finished(impl.Thread(target=fail, name="N"))
    printed = capsys.readouterr().err
    assert printed.startswith("Exception in thread N:\nTraceback (most recent call last):\n")
    assert printed.endswith("ValueError: on purpose\n")


def test_the_default_can_be_called(impl, capsys):
    try:
        fail()
    except ValueError:
        _thread._excepthook(impl.ExceptHookArgs([*sys.exc_info(), None]))
    assert "ValueError: on purpose" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")
def test_without_stderr(impl, monkeypatch, capsys):
    thread = impl.Thread(target=fail, name="N")  # it remembers the stderr of this moment
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", None)
        patch.setattr(impl, "excepthook", _thread._excepthook)
        finished(thread)
    assert "Exception in thread N:" in capsys.readouterr().err


def test_a_hook_that_fails(impl, monkeypatch, capsys):
    def hook(args):
        raise ZeroDivisionError("in the hook")

    seen = []
    monkeypatch.setattr(impl, "excepthook", hook)
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, tb: seen.append((kind, str(value))))
    finished(impl.Thread(target=fail))
    assert seen == [(ZeroDivisionError, "in the hook")]
    assert capsys.readouterr().err == "Exception in threading.excepthook:\n"


@pytest.fixture
def no_hooks(impl):
    before = sys.gettrace(), sys.getprofile()
    yield
    impl.settrace(None)
    impl.setprofile(None)
    sys.settrace(before[0])
    sys.setprofile(before[1])


def traced():
    return 1


@pytest.mark.parametrize("kind", ["trace", "profile"])
def test_hooks_of_threads(impl, no_hooks, kind):
    calls = []

    def hook(frame, event, arg):
        if event == "call" and frame.f_code is traced.__code__:
            calls.append(impl.current_thread().name)

    before = getattr(sys, f"get{kind}")()
    getattr(impl, f"set{kind}")(hook)
    if hasattr(impl, f"get{kind}"):
        assert getattr(impl, f"get{kind}")() is hook
    finished(impl.Thread(target=traced, name="N"))
    assert calls == ["N"]
    traced()
    assert calls == ["N"] and getattr(sys, f"get{kind}")() is before
    getattr(impl, f"set{kind}")(None)
    finished(impl.Thread(target=traced))
    assert calls == ["N"]


@pytest.mark.parametrize("kind", ["trace", "profile"])
def test_hooks_of_all_threads(impl, no_hooks, kind):
    if not hasattr(impl, f"set{kind}_all_threads"):
        pytest.skip("came with 3.12")
    calls = []

    def hook(frame, event, arg):
        if event == "call" and frame.f_code is traced.__code__:
            calls.append(impl.current_thread().name)

    getattr(impl, f"set{kind}_all_threads")(hook)
    try:
        assert getattr(sys, f"get{kind}")() is hook
        traced()
        finished(impl.Thread(target=traced, name="N"))
    finally:
        getattr(impl, f"set{kind}_all_threads")(None)
    assert calls == ["MainThread", "N"]
    assert getattr(sys, f"get{kind}")() is None


def test_tracing_ends_with_a_thread_that_fails(monkeypatch):
    monkeypatch.setattr(dummy, "excepthook", lambda args: None)
    before = sys.gettrace()
    dummy.settrace(lambda *args: None)
    try:
        finished(dummy.Thread(target=fail))
        assert sys.gettrace() is before
    finally:
        dummy.settrace(None)
