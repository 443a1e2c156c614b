"""Children that nobody waits for: ResourceWarning, `_active` and `_cleanup()`."""

import gc
import os
import sys
import warnings

import pytest
from support.children import has_ended, is_gone

import hasten.subprocess


@pytest.fixture
def abandon(impl):
    """Start a child, drop its object and return its pid; the warning is seen."""

    def abandon(command):
        child = impl.Popen(command)
        pid = child.pid
        with pytest.warns(ResourceWarning, match=f"subprocess {pid} is still running"):
            del child
            gc.collect()
        return pid

    yield abandon
    for child in list(impl._active or ()):
        os.kill(child.pid, 9)
    until_empty(impl)


def until_empty(impl):
    while impl._active:
        impl._cleanup()


def test_a_warning_about_one_that_runs(impl, abandon):
    pid = abandon(["sleep", "1000"])
    assert [child.pid for child in impl._active] == [pid]
    assert impl._active[0].returncode is None


def test_no_warning_about_one_that_was_waited_for(impl):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for see in ["wait", "communicate"]:
            child = impl.Popen(["true"])
            getattr(child, see)()
            del child
            gc.collect()
        impl.run(["true"])
    assert not impl._active


def test_one_that_has_ended_is_reaped_at_once(impl, abandon, until):
    """The warning comes nevertheless: whether it had ended was luck."""
    child = impl.Popen(["true"])
    pid = child.pid
    until(lambda: has_ended(pid))
    with pytest.warns(ResourceWarning):
        del child
        gc.collect()
    assert is_gone(pid)
    assert not impl._active


def test_the_next_start_reaps_it(impl, abandon, until):
    pid = abandon(["sleep", "1000"])
    os.kill(pid, 9)
    until(lambda: has_ended(pid))
    assert not is_gone(pid)
    impl.run(["true"])
    assert is_gone(pid)
    assert not impl._active


def test_cleanup_reaps_it(impl, abandon, until):
    pids = [abandon(["sleep", "1000"]) for _ in range(5)]
    impl._cleanup()
    assert len(impl._active) == 5
    os.kill(pids[2], 9)
    until(lambda: has_ended(pids[2]))
    impl._cleanup()
    assert sorted(child.pid for child in impl._active) == sorted(pids[:2] + pids[3:])


def test_cleanup_of_one_that_somebody_reaped(impl, abandon):
    pid = abandon(["sleep", "1000"])
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    impl._cleanup()
    assert not impl._active


def test_another_thread_cleans_up_too(impl, abandon, until, monkeypatch):
    """It takes the child off the list just before."""

    class Raced(list):
        def remove(self, child):
            super().remove(child)
            super().remove(child)

    monkeypatch.setattr(impl, "_active", Raced())
    pid = abandon(["true"])
    until(lambda: is_gone(pid) or has_ended(pid))
    impl._cleanup()
    assert is_gone(pid)
    assert not impl._active


def test_a_subclass_whose_init_failed(impl):
    """No child, no warning, no word on stderr."""

    class Failing(impl.Popen):
        def __init__(self):
            raise KeyError("mine")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KeyError):
            Failing()
        gc.collect()


def test_a_start_that_failed(impl):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FileNotFoundError):
            impl.Popen(["no-such-program"], stdout=impl.PIPE)
        with pytest.raises(TypeError):
            impl.Popen()
        gc.collect()


def test_in_a_cycle(impl, abandon):
    child = impl.Popen(["sleep", "1000"])
    child.me = child
    pid = child.pid
    with pytest.warns(ResourceWarning):
        del child
        gc.collect()
    os.kill(pid, 9)


def test_many_threads_drop_children_and_start_others(impl, spawn):
    """The list of the abandoned is everybody's."""

    def work():
        pids = []
        for _ in range(10):
            pids.append(impl.Popen(["true"]).pid)
            impl._cleanup()
        return pids

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        pids = sum((task.result() for task in [spawn(work) for _ in range(6)]), [])
        gc.collect()
        until_empty(impl)
    assert len(set(pids)) == 60
    assert all(is_gone(pid) for pid in pids)


def test_at_the_end_of_the_program(impl, python):
    """Nothing is said or raised when the modules are being taken apart."""
    program = f"""
import sys, warnings
import {impl.__name__} as subprocess
warnings.simplefilter("ignore")
child = subprocess.Popen(["sleep", "0.1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
sys.kept = child
child.me = child
"""
    assert python(program) == ""


def test_one_that_is_dropped_when_the_modules_names_are_gone(monkeypatch):
    """As at the end of a program: the interpreter sets them to None before it drops the last objects."""
    waits = sys.modules["hasten.subprocess._waiting_calls"]
    child = hasten.subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with monkeypatch.context() as end:
        for name in [name for name in vars(waits) if not name.startswith("__")]:
            end.setattr(waits, name, None)
        with pytest.warns(ResourceWarning):
            child.__del__()
    assert child.returncode == 0


@pytest.mark.parametrize("options", [{}, {"text": True}, {"bufsize": 0}], ids=["bytes", "text", "raw"])
def test_a_pipe_that_nobody_closed_is_told_in_the_words_of_a_file(impl, options):
    """Filters of warnings say "unclosed file"."""
    with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE, **options) as model:
        kinds = [type(file).__name__ for file in (model.stdin, model.stdout)]
    child = impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE, **options)
    child.kill()
    child.wait()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        del child
        gc.collect()
    starts = [f"unclosed file <_io.{kind} name=" for kind in kinds]
    assert [str(w.message)[: len(start)] for w, start in zip(told, starts)] == starts
    assert len(told) == 2
