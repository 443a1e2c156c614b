"""Programs that have put their own functions in the place of the standard library's: those are called."""

from __future__ import annotations

import multiprocessing
import multiprocessing.context
import multiprocessing.process
import os
import pickle
import sys
from collections.abc import Callable
from multiprocessing import popen_fork, spawn, util
from pathlib import Path
from typing import Any

import pytest
from support import process_targets as targets

import hasten.multiprocessing
from hasten.multiprocessing import context as our_context
from hasten.multiprocessing import process as our_process

METHODS = ["fork", "spawn", "forkserver"]
OURS = hasten.multiprocessing
Run = Callable[..., Any]


@pytest.fixture
def run() -> Run:
    def run(method: Any, target: Any = targets.nothing, args: Any = (), kind: Any = None) -> Any:
        context = OURS.get_context(method)
        child = (kind or context.Process)(target=target, args=args)
        child.start()
        child.join(30)
        code = child.exitcode
        child.close()
        return code

    return run


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines by which children are started."""
    started: list[list[str]] = []
    original = util.spawnv_passfds

    def spawnv_passfds(path: Any, args: Any, fds: Any) -> int:
        started.append([os.fsdecode(word) for word in args])
        return original(path, args, fds)

    monkeypatch.setattr(util, "spawnv_passfds", spawnv_passfds)
    return started


def test_command_lines_are_the_standard_librarys_for_who_looks(run: Run, lines: list[list[str]]) -> None:
    assert run("spawn") == 0
    (line,) = [line for line in lines if "resource_tracker" not in " ".join(line)]
    assert line[-3] == "-c" and line[-1] == "--multiprocessing-fork"
    assert line[-2].startswith("from multiprocessing.spawn import spawn_main; spawn_main(")


def test_get_command_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    original = spawn.get_command_line

    def get_command_line(**kwds: Any) -> Any:
        called.append(sorted(kwds))
        return original(**kwds)

    monkeypatch.setattr(spawn, "get_command_line", get_command_line)
    assert run("spawn") == 0
    assert called == [["pipe_handle", "tracker_fd"]]


def test_an_executable_of_the_programs(run: Run, tmp_path: Path) -> None:
    """numactl and the like: a script that is started in the interpreter's place."""
    wrapper, log = tmp_path / "wrapper", tmp_path / "log"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    before = spawn.get_executable()
    OURS.set_executable(str(wrapper))
    try:
        assert run("spawn") == 0
    finally:
        OURS.set_executable(before)
    assert "from multiprocessing.spawn import spawn_main" in log.read_text()


@pytest.mark.parametrize("module", [multiprocessing.process, our_process])
def test_bootstrap(run: Run, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    original = module.BaseProcess._bootstrap

    def bootstrap(self: Any, *args: Any, **kwargs: Any) -> Any:
        os.write(writer, b"replaced ")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(module.BaseProcess, "_bootstrap", bootstrap)
    assert run("fork", os.write, (writer, b"run")) == 0
    assert os.read(reader, 100) == b"replaced run"
    os.close(reader)
    os.close(writer)


class Stowaway:
    """Pickled with the preparation, and so unpickled before all else."""

    def __reduce__(self) -> Any:
        return exec, ("import multiprocessing.process; multiprocessing.process.stowaway = True",)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_preparation_data(run: Run, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = spawn.get_preparation_data

    def get_preparation_data(name: str) -> Any:
        return {**original(name), "more": Stowaway()}

    monkeypatch.setattr(spawn, "get_preparation_data", get_preparation_data)
    assert run(method, eval, ("__import__('multiprocessing.process').process.stowaway or 1/0",)) == 0


@pytest.mark.parametrize("method", METHODS)
def test_launch(run: Run, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard library's Popen, changed: its way is taken."""
    name = {"fork": "popen_fork", "spawn": "popen_spawn_posix", "forkserver": "popen_forkserver"}[method]
    kind = __import__(f"multiprocessing.{name}", fromlist=["Popen"]).Popen
    original, called = kind._launch, []

    def launch(self: Any, process: Any) -> None:
        called.append(process.name)
        original(self, process)

    monkeypatch.setattr(kind, "_launch", launch)
    assert run(method) == 0
    assert len(called) == 1


def test_a_reducer_of_the_programs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    context = OURS.get_context("spawn")
    used = []

    class Reducer:
        HAVE_SEND_HANDLE = True

        def __getattr__(self, name: str) -> Any:
            used.append(name)
            return getattr(multiprocessing.reduction, name)  # type: ignore[attr-defined]

    monkeypatch.setattr(multiprocessing.context, "reduction", multiprocessing.context.reduction)
    context.reducer = Reducer()  # type: ignore[assignment]
    assert multiprocessing.context.reduction is context.reducer
    assert run("spawn") == 0


def test_a_context_of_the_programs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Popen(popen_fork.Popen):
        method = "mine"

    class Process(multiprocessing.process.BaseProcess):
        _start_method = "mine"

        @staticmethod
        def _Popen(process: Any) -> Any:
            return Popen(process)

    class Context(our_context.BaseContext):
        _name = "mine"

    Context.Process = Process  # type: ignore[attr-defined]
    mine = Context()
    our_context._concrete_contexts["mine"] = mine
    default = our_context._default_context
    before = default._actual_context
    try:
        assert OURS.get_context("mine") is multiprocessing.get_context("mine") is mine
        assert run("mine") == 0
        OURS.set_start_method("mine", force=True)
        assert multiprocessing.get_start_method() == OURS.get_start_method() == "mine"
        child = OURS.Process(target=targets.leave, args=(4,))
        child.start()
        child.join()
        assert (child.exitcode, type(child._popen)) == (4, Popen)  # type: ignore[attr-defined]
    finally:
        default._actual_context = before
        del our_context._concrete_contexts["mine"]


def test_the_default_context_is_the_interpreters() -> None:
    before = OURS.get_start_method(allow_none=True)
    try:
        multiprocessing.set_start_method("spawn", force=True)
        assert OURS.get_start_method() == "spawn"
        assert OURS.get_context() is OURS.get_context("spawn")
        assert type(OURS.get_context("spawn")) is our_context.SpawnContext
        OURS.set_start_method("fork", force=True)
        assert multiprocessing.get_context() is multiprocessing.get_context("fork")
        with pytest.raises(RuntimeError, match="context has already been set"):
            OURS.set_start_method("spawn")
        with pytest.raises(ValueError, match="cannot find context for 'x'"):
            OURS.get_context("x")
    finally:
        OURS.set_start_method(before, force=True)
    assert OURS.get_all_start_methods() == multiprocessing.get_all_start_methods()


def test_variables_are_the_interpreters() -> None:
    assert our_process._children is multiprocessing.process._children  # type: ignore[attr-defined]
    assert our_process._process_counter is multiprocessing.process._process_counter  # type: ignore[attr-defined]
    directory = our_process.ORIGINAL_DIR
    our_process.ORIGINAL_DIR = "/x"
    try:
        assert multiprocessing.process.ORIGINAL_DIR == "/x"  # type: ignore[attr-defined]
    finally:
        multiprocessing.process.ORIGINAL_DIR = directory  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="int objects should only be shared"):
        our_context.assert_spawning(3)


def test_modules_that_forward_variables_are_pickled_by_their_names() -> None:
    """cloudpickle pickles what functions refer to."""
    for module in (our_process, our_context):
        assert pickle.loads(pickle.dumps(module)) is module
