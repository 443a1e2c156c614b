"""What a spawned child makes of the program's main module, and what it has loaded: programs in files."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.children import has_pidfds

MODULES = ["multiprocessing", "hasten.multiprocessing"]
SOURCE = """
import os, sys
import {module} as mp

class Mine:
    pass

def tell(connection, mine):
    main = sys.modules["__main__"]
    same = type(mine) is Mine, getattr(main, "Mine", None) is Mine
    connection.send((__name__, main.__name__, *same, sys.argv[1:], "/here" in sys.path, sys.stdin.read(),
                     mp.current_process().name))

def run(method):
    sys.path.append("/here")
    context = mp.get_context(method)
    reader, writer = context.Pipe(duplex=False)
    child = context.Process(target=tell, args=(writer, Mine()), name="me")
    child.start()
    writer.close()
    try:
        print(reader.recv(), flush=True)
    except EOFError:
        print("nothing", flush=True)
    child.join()
    sys.exit(child.exitcode)

if __name__ == "__main__":
    run({method!r})
"""
EXPECTED = ("__mp_main__", "__mp_main__", True, True, ["a", "b"], True, "", "me")


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["spawn", "forkserver"])
def method(request: pytest.FixtureRequest) -> str:
    return request.param


def outcome(command: list[str], folder: Path) -> tuple[int, str, str]:
    path = os.pathsep.join([str(folder), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, env=environment, cwd=folder)
    return done.returncode, done.stdout, done.stderr


def test_a_script(tmp_path: Path, module: str, method: str) -> None:
    (tmp_path / "program.py").write_text(SOURCE.format(module=module, method=method))
    assert outcome(["program.py", "a", "b"], tmp_path) == (0, f"{EXPECTED}\n", "")


def test_a_module(tmp_path: Path, module: str, method: str) -> None:
    (tmp_path / "program.py").write_text(SOURCE.format(module=module, method=method))
    assert outcome(["-m", "program", "a", "b"], tmp_path) == (0, f"{EXPECTED}\n", "")


def test_a_module_in_a_package(tmp_path: Path, module: str, method: str) -> None:
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "__init__.py").write_text("there = 1\n")
    source = SOURCE.format(module=module, method=method)
    (tmp_path / "box" / "program.py").write_text("from . import there\n" + source)
    assert outcome(["-m", "box.program", "a", "b"], tmp_path) == (0, f"{EXPECTED}\n", "")


@pytest.mark.parametrize("kind", ["package", "folder", "zip"])
def test_what_has_a_main_is_not_run_again(tmp_path: Path, module: str, method: str, kind: str) -> None:
    source = SOURCE.format(module=module, method=method)
    inner = "import sys, inner\nsys.modules['__main__'].inner = inner\ninner.run(%r)\n" % method  # noqa: UP031
    files = {"inner.py": source, "__main__.py": inner}
    command = ["box", "a", "b"]
    if kind == "package":
        files = {"inner.py": source, "box/__init__.py": "", "box/__main__.py": inner}
        command = ["-m", *command]
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "box", "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
    else:
        for name, text in files.items():
            path = tmp_path / ("" if kind == "package" else "box") / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    status, told, error = outcome(command, tmp_path)
    assert (status, error) == (0, "")
    assert eval(told)[0] == "inner"


def test_a_command_has_no_main_module(tmp_path: Path, module: str, method: str) -> None:
    (tmp_path / "inner.py").write_text(SOURCE.format(module=module, method=method))
    status, told, error = outcome(["-c", f"import inner; inner.run({method!r})", "a", "b"], tmp_path)
    assert (status, error) == (0, "")
    assert eval(told)[0] == "inner"


UNGUARDED = """
import {module} as mp
def nothing():
    pass
context = mp.get_context({method!r})
child = context.Process(target=nothing)
child.start()
child.join()
print("exit code", child.exitcode)
"""


def test_a_main_module_without_a_guard_ends(tmp_path: Path, module: str, method: str) -> None:
    (tmp_path / "program.py").write_text(UNGUARDED.format(module=module, method=method))
    status, told, error = outcome(["program.py"], tmp_path)
    # a server that imports the main module ends by it, before start() or after
    ends = [(0, "exit code 1\n"), (1, "")] if method == "forkserver" else [(0, "exit code 1\n")]
    assert (status, told) in ends
    assert "An attempt has been made to start a new process before the" in error
    assert "if __name__ == '__main__':" in error


def test_a_main_module_that_raises(tmp_path: Path, module: str) -> None:
    source = SOURCE.format(module=module, method="spawn")
    (tmp_path / "program.py").write_text(source + "else:\n    1 / 0\n")
    status, told, error = outcome(["program.py"], tmp_path)
    assert (status, told) == (1, "nothing\n")
    assert error.rstrip().endswith("ZeroDivisionError: division by zero")
    assert 'program.py", line' in error


def test_a_main_module_that_was_changed_is_read_again(tmp_path: Path, module: str) -> None:
    source = SOURCE.format(module=module, method="spawn")
    source = source.replace("run('spawn')", "run('spawn'); run('spawn')") + "print('loaded')\n"
    more = "open(__file__, 'a').write('print(1)\\n')"
    (tmp_path / "program.py").write_text(source.replace("sys.exit(child.exitcode)", more))
    status, told, error = outcome(["program.py"], tmp_path)
    assert (status, error) == (0, "")
    assert told.splitlines().count("1") == 1  # in the second child alone; this process has read it before
    assert told.splitlines().count("loaded") == 3


@pytest.mark.parametrize("flags", [[], ["-I"], ["-O", "-W", "error", "-B"], ["-X", "dev"]])
def test_flags(tmp_path: Path, module: str, flags: list[str]) -> None:
    source = SOURCE.format(module=module, method="spawn").replace('"/here" in sys.path', "list(sys.flags)")
    source = source.replace('sys.path.append("/here")', "print(list(sys.flags), flush=True)")
    paths = [entry for entry in sys.path if entry]
    source = source.replace("import os, sys\n", f"import os, sys\nsys.path[:0] = {paths!r}\n", 1)
    (tmp_path / "program.py").write_text(source)
    status, told, error = outcome([*flags, "program.py"], tmp_path)
    assert status == 0, error
    mine, in_child = map(eval, told.splitlines())
    assert in_child[5] == mine


NEEDED = """
import sys
import hasten.multiprocessing as mp
from support import process_targets
if __name__ == "__main__":
    child = mp.get_context("spawn").Process(target=process_targets.modules, args=(1,))
    child.start()
    child.join()
"""


@pytest.mark.skipif(not has_pidfds(), reason="the standard library starts the child")
def test_a_spawned_child_has_loaded_what_the_program_has_and_next_to_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(NEEDED)
    status, told, error = outcome(["program.py"], tmp_path)
    assert (status, error) == (0, "")
    (tmp_path / "bare.py").write_text("from support import process_targets; process_targets.modules(1)")
    _, bare, _ = outcome(["bare.py"], tmp_path)
    more = set(told.split()) - set(bare.split()) - {"linecache"}  # which 3.15 has for the text of `-c`
    assert more == {"__mp_main__", "hasten", "hasten.multiprocessing", "marshal"} - set(bare.split())
