"""Processes and what is said of them: one body over the standard library and ours, and each start method."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from support import process_targets as targets
from support.children import has_ended, has_pidfds, has_zygote
from support.injection import at_each_line
from support.signalling import until_asleep
from support.tasks import Task

import hasten.multiprocessing

METHODS = ["fork", "spawn", "forkserver"]
OURS = hasten.multiprocessing


@pytest.fixture(params=METHODS)
def context(request: pytest.FixtureRequest, impl: ModuleType) -> Iterator[Any]:
    yield impl.get_context(request.param)
    for child in impl.active_children():
        child.kill()
        child.join()
        child.close()


@pytest.fixture(params=METHODS)
def ours(request: pytest.FixtureRequest) -> Iterator[Any]:
    yield OURS.get_context(request.param)
    for child in OURS.active_children():
        child.kill()
        child.join()
        child.close()


def started(context: Any, *args: Any, **options: Any) -> Any:
    process = context.Process(*args, **options)
    process.start()
    return process


def over(process: Any) -> Any:
    """The exit code of a process that is about to end; it is closed."""
    process.join(30)
    code = process.exitcode
    process.close()
    return code


def pipe_ends(context: Any) -> Any:
    return context.Pipe(duplex=False)


@pytest.mark.parametrize(
    "target, args, code",
    [
        (targets.nothing, (), 0),
        (targets.leave, (None,), 0),
        (targets.leave, (7,), 7),
        (targets.leave, (True,), 1),
        (targets.end_at_once, (3,), 3),
        (targets.die, (signal.SIGKILL,), -signal.SIGKILL),
        (targets.die, (signal.SIGTERM,), -signal.SIGTERM),
    ],
)
def test_exit_code(context: Any, target: Any, args: Any, code: int) -> None:
    process = started(context, target=target, args=args)
    assert over(process) == code


@pytest.fixture(params=["fork", "spawn"])
def heard(request: pytest.FixtureRequest, impl: ModuleType) -> Any:
    """A context whose children write where this process does: the fork server's do where that did."""
    return impl.get_context(request.param)


def test_what_is_raised_is_printed_with_the_name(heard: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert over(started(heard, target=targets.fail, args=("so",), name="the one")) == 1
    told = capfd.readouterr().err
    assert told.startswith("Process the one:\nTraceback (most recent call last):\n")
    assert told.endswith("ZeroDivisionError: so\n")


def test_a_text_as_exit_code_is_printed(heard: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert over(started(heard, target=targets.leave, args=("no luck",))) == 1
    assert capfd.readouterr().err == "no luck\n"


@pytest.mark.parametrize("module", ["multiprocessing", "hasten.multiprocessing"])
def test_the_child_knows_who_it_is(context: Any, impl: ModuleType, module: str) -> None:
    reader, writer = pipe_ends(context)
    process = started(context, target=targets.send_self, args=(writer, module), name="me", daemon=True)
    me = impl.current_process()
    assert reader.recv() == (
        "me", True, process._identity, True, bytes(me.authkey), os.getpid(), me.name, True
    )  # fmt: skip
    assert over(process) == 0
    reader.close()
    writer.close()


def test_life(context: Any, impl: ModuleType) -> None:
    reader, writer = pipe_ends(context)
    process = context.Process(target=targets.sleep_long, args=(writer,))
    assert (process.pid, process.exitcode, process.is_alive()) == (None, None, False)
    with pytest.raises(ValueError, match="process not started"):
        process.sentinel  # noqa: B018
    with pytest.raises(AssertionError, match="can only join a started process"):
        process.join()
    process.start()
    assert reader.recv() == "asleep"
    assert process.is_alive() and process.exitcode is None and process in impl.active_children()
    assert not select.select([process.sentinel], [], [], 0)[0]
    with pytest.raises(AssertionError, match="cannot start a process twice"):
        process.start()
    with pytest.raises(ValueError, match="Cannot close a process while it is still running"):
        process.close()
    process.join(0)
    process.join(-1)
    process.join(0.01)
    assert process.is_alive()
    process.terminate()
    assert select.select([process.sentinel], [], [], 30)[0]
    process.join()
    assert process.exitcode == -signal.SIGTERM and not process.is_alive()
    assert process not in impl.active_children()
    process.close()
    for use in (process.join, process.is_alive, process.kill, process.start):
        with pytest.raises(ValueError, match="process object is closed"):
            use()
    reader.close()
    writer.close()


def test_texts(context: Any) -> None:
    process = context.Process(target=targets.leave, args=(3,), name="x", daemon=True)
    kind, me = type(process).__name__, os.getpid()
    assert repr(process) == f"<{kind} name='x' parent={me} initial daemon>"
    process.start()
    pid = process.pid
    process.join()
    assert repr(process) == f"<{kind} name='x' pid={pid} parent={me} stopped exitcode=3 daemon>"
    process.close()
    assert repr(process) == f"<{kind} name='x' parent={me} closed daemon>"


def test_a_child_that_ignores_sigterm_is_killed(context: Any) -> None:
    reader, writer = pipe_ends(context)
    process = started(context, target=targets.ignore_and_sleep, args=(writer, signal.SIGTERM))
    assert reader.recv() == "deaf"
    process.terminate()
    process.join(0.05)
    assert process.is_alive()
    process.kill()
    assert over(process) == -signal.SIGKILL
    reader.close()
    writer.close()


def test_interrupt(ours: Any) -> None:
    reader, writer = pipe_ends(ours)
    process = started(ours, target=targets.sleep_long, args=(writer,))
    assert reader.recv() == "asleep"
    until_asleep(process.pid)  # a sleep that is about to begin does not see a signal that came just before
    process.interrupt()
    assert over(process) == 1
    reader.close()
    writer.close()


def test_a_child_whose_start_was_interrupted_has_its_own_sentinel() -> None:
    def new() -> Any:
        return OURS.get_context("spawn").Process(target=targets.sleep_long)

    used, running = [new()], 0
    for place in at_each_line(lambda: used[-1].start(), KeyboardInterrupt, [OURS.process.__file__]):
        process = used.pop()
        if process.pid is not None:
            running += 1
            assert not select.select([process.sentinel], [], [], 0)[0], place
            process.kill()
            assert select.select([process.sentinel], [], [], 30)[0]
            process.join()
        process.close()
        used.append(new())
    assert running
    used[0].kill()
    assert over(used[0]) == -signal.SIGKILL


def test_threads_that_join_the_same_child_all_know_its_code(ours: Any) -> None:
    reader, writer = pipe_ends(ours)
    process = started(ours, target=targets.sleep_long, args=(writer,))
    assert reader.recv() == "asleep"
    tasks = [Task(lambda: (process.join(), process.exitcode, process.is_alive())) for _ in range(5)]
    for task in tasks:
        task.start()
    tasks[0].settle()
    process.kill()
    assert [task.result() for task in tasks] == [(None, -signal.SIGKILL, False)] * 5
    process.close()
    reader.close()
    writer.close()


def test_the_exit_code_is_there_after_join_whoever_reaps() -> None:
    """Other threads reap all children that have ended, whenever they start one."""
    context, interval = OURS.get_context("fork"), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def life() -> list[Any]:
        found = []
        for _ in range(25):
            processes = [started(context, target=targets.nothing) for _ in range(3)]
            for process in processes:
                process.join()
                found.append((process.exitcode, process.is_alive()))
                process.close()
        return found

    try:
        tasks = [Task(life) for _ in range(2)]
        for task in tasks:
            task.start()
        for task in tasks:
            assert set(task.result(50.0)) == {(0, False)}  # 150 forks of a large process
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_that_somebody_else_has_reaped_has_ended(method: str) -> None:
    process = started(OURS.get_context(method), target=targets.leave, args=(3,))
    os.waitpid(process.pid, 0)
    process.join()
    assert (process.exitcode, process.is_alive()) == (255, False)
    assert process not in OURS.active_children()
    process.terminate()  # there is nobody to send it to
    process.close()


def test_sigchld_ignored() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        process = started(OURS.get_context("fork"), target=targets.nothing)
        assert select.select([process.sentinel], [], [], 30)[0]
        assert over(process) == 255
    finally:
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.parametrize("timeout", [float("nan"), "x"])
def test_no_time(ours: Any, timeout: Any) -> None:
    process = started(ours, target=targets.sleep_long)
    with pytest.raises((ValueError, TypeError)):
        process.join(timeout)
    process.kill()
    assert over(process) == -signal.SIGKILL


def test_join_is_interrupted_by_a_signal(ours: Any) -> None:
    process = started(ours, target=targets.sleep_long)
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            process.join()
            time.sleep(30)
    finally:
        timer.join()
    assert process.is_alive()
    process.kill()
    assert over(process) == -signal.SIGKILL


def test_only_the_parent_may_use_the_object(impl: ModuleType) -> None:
    context = impl.get_context("fork")
    reader, writer = os.pipe()
    process = context.Process(target=targets.sleep_long)
    process.start()

    def child() -> None:
        told = [repr(process), process.exitcode]
        for use in (process.join, process.is_alive):
            try:
                use()
            except AssertionError as error:
                told.append(str(error))
        os.write(writer, repr(told).encode())

    assert over(started(context, target=child)) == 0
    told = eval(os.read(reader, 10000))
    assert told[0].endswith("unknown>")
    assert told[1:] == [None, "can only join a child process", "can only test a child process"]
    process.kill()
    assert over(process) == -signal.SIGKILL
    os.close(reader)
    os.close(writer)


def test_atexit_and_finalizers_run_in_the_child(ours: Any) -> None:
    reader, writer = pipe_ends(ours)
    process = started(ours, target=targets.at_exit, args=(writer,))
    writer.close()
    told = []
    while reader.poll(30):
        try:
            told.append(reader.recv())
        except EOFError:
            break
    ended_by_us = {"fork": True, "spawn": has_pidfds(), "forkserver": has_zygote()}
    if ended_by_us[ours.get_start_method()]:
        assert told == ["target", "atexit", "finalizer"]
    else:  # it is the standard library that ends the child: in its order, and a server's child without atexit
        assert told[0] == "target" and "finalizer" in told
    assert over(process) == 0
    reader.close()


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_be_pickled(impl: ModuleType, method: str) -> None:
    context = impl.get_context(method)
    if method == "forkserver":
        over(started(context, target=targets.nothing))  # the server has descriptors of its own
    process = context.Process(target=lambda: None)
    if method == "fork":
        process.start()
        assert over(process) == 0
        return
    before = os.listdir("/proc/self/fd")
    with pytest.raises(Exception, match="pickle"):
        process.start()
    assert (process.pid, process in impl.active_children()) == (None, False)
    if impl is OURS:
        assert os.listdir("/proc/self/fd") == before


def test_daemons_have_no_children(context: Any, impl: ModuleType) -> None:
    me = impl.current_process()
    me._config["daemon"] = True
    try:
        with pytest.raises(AssertionError, match="daemonic processes are not allowed to have children"):
            context.Process(target=targets.nothing).start()
    finally:
        del me._config["daemon"]


PARENT = """
import os, signal, sys
from support import process_targets as targets
import {module} as mp
if __name__ == "__main__":
    context = mp.get_context({method!r})
    reader, writer = context.Pipe(duplex=False)
    child = context.Process(target=targets.wait_for_parent, args=(writer,))
    child.start()
    os.write(1, b"%d\\n" % reader.recv())
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("method", METHODS)
def test_the_child_of_a_killed_parent_learns_of_it(method: str, tmp_path: Any) -> None:
    import subprocess

    program = tmp_path / "parent.py"
    program.write_text(PARENT.format(module="hasten.multiprocessing", method=method))
    path = os.pathsep.join(sys.path)
    command = [sys.executable, str(program)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=50, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == -signal.SIGKILL
    pid, end = int(done.stdout), time.monotonic() + 30
    while not has_ended(pid):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_world() -> None:
    assert OURS.current_process() is multiprocessing.current_process()
    process = started(OURS.get_context("fork"), target=targets.sleep_long)
    assert process in multiprocessing.active_children()
    assert isinstance(process, multiprocessing.process.BaseProcess)
    assert isinstance(process, multiprocessing.context.ForkProcess)
    theirs = multiprocessing.get_context("fork").Process(target=targets.sleep_long)
    assert theirs._identity[0] == process._identity[0] + 1
    theirs.start()
    assert theirs in OURS.active_children()
    for each in (process, theirs):
        each.kill()
        assert over(each) == -signal.SIGKILL


def test_every_method_is_ours() -> None:
    """Nothing is left to the standard library's body."""
    from hasten.multiprocessing import context, process

    for kind in (context.Process, context.ForkProcess, context.SpawnProcess, context.ForkServerProcess,
                 context.ForkContext, context.SpawnContext, context.ForkServerContext,
                 context.DefaultContext, process._ParentProcess):  # fmt: skip
        for name in dir(kind):
            for base in kind.__mro__:
                if name in vars(base):
                    stdlib = base.__module__.startswith("multiprocessing.")
                    method = hasattr(vars(base)[name], "__code__") or isinstance(vars(base)[name], property)
                    assert not (stdlib and method), (kind, name)
                    break


def test_closed_descriptors(ours: Any) -> None:
    over(started(ours, target=targets.nothing))
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(5):
        assert over(started(ours, target=targets.nothing)) == 0
    assert set(os.listdir("/proc/self/fd")) == before
