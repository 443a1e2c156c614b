"""What an import brings along: few modules of ours, and of the stdlib's what its own brings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "packages" / "hasten" / "bin" / "hasten"
LOADED = "import sys{imports}; print(*sorted(sys.modules))"
FOUR = ("threading", "queue", "concurrent.futures", "subprocess")
# ours -> (the standard library's, how many modules of ours at most, what else it may bring on some version)
THREADS = {"atexit", "operator", "_operator"}
IMPORTS = {
    "hasten._thread": ("_thread", 7, {"atexit"}),
    "hasten.threading": ("threading", 26, THREADS),
    "hasten.queue": ("queue", 17, THREADS),
    "hasten.sched": ("sched", 17, THREADS),
    # all at once: a child may be wanted when descriptors are short, or for a user who cannot read our files
    "hasten.subprocess": ("subprocess", 22, {"gc"}),
    "hasten.futures": ("concurrent.futures", 35, THREADS),
    "hasten.shared_memory": ("multiprocessing.shared_memory", 14, {"__future__"}),
}

# What a worker of a pool, started by spawn, has no use for before a task fails.
WORKER = """
import sys
from hasten.multiprocessing import get_context

def run():
    return [name for name in sys.argv[1:] if name in sys.modules]

def main():
    spawn = get_context("spawn")
    with spawn.Pool(1) as pool:
        print("pool", *pool.apply(run))
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return  # the executor is the interpreter's own
    try:
        from hasten.futures import ProcessPoolExecutor
    except ImportError:
        return
    with ProcessPoolExecutor(1, spawn) as executor:
        print("executor", *executor.submit(run).result())

if __name__ == "__main__":
    main()
"""
NOT_IN_WORKERS = ("typing", "traceback", "logging", "tempfile", "random", "subprocess", "concurrent.futures")
NOT_IN_WORKERS += ("multiprocessing.pool", "multiprocessing.connection", "multiprocessing.util")


def loaded(*arguments: str, imports: tuple[str, ...] = ()) -> set[str]:
    code = LOADED.format(imports="".join(f", {name}" for name in imports))
    done = subprocess.run(
        [sys.executable, *arguments, "-c", code], stdout=subprocess.PIPE, check=True, text=True
    )
    return set(done.stdout.split())


def parts(before: set[str], after: set[str]) -> tuple[set[str], set[str]]:
    """What is new: of ours, and of the standard library."""
    new = after - before
    ours = {name for name in new if name.split(".")[0] == "hasten"}
    # Cython's own modules, for the types that its modules share, are made by the first of them
    return ours, {name for name in new - ours if not name.startswith(("_cython_", "cython_runtime"))}


@pytest.mark.parametrize("name", IMPORTS)
def test_an_import(name):
    pytest.importorskip(name)
    stdlib, most, may = IMPORTS[name]
    plain = loaded(imports=(stdlib,))
    ours, theirs = parts(plain, loaded(imports=(stdlib, name)))
    if sys.version_info >= (3, 13):  # older modules of the standard library have others in other places
        assert theirs <= may
    assert len(ours) <= most, sorted(ours)


def test_the_launcher():
    pytest.importorskip("hasten.patch")
    plain = loaded(imports=("runpy", "importlib.util", "types"))
    ours, theirs = parts(plain, loaded("-m", "hasten"))
    # linecache and tokenize: by which the interpreter shows the text of -c; the rest on 3.15
    assert theirs <= {"linecache", "tokenize", "atexit", "warnings", "_py_warnings", "_contextvars"}
    assert len(ours) <= 9, sorted(ours)


def test_the_installed_script():
    """It imports nothing of the standard library's that python would not: runpy is what -m brings."""
    pytest.importorskip("hasten.patch")
    if not SCRIPT.exists():
        pytest.skip("the script is in the sources")
    ours, theirs = parts(loaded(), loaded(str(SCRIPT)))
    assert theirs == set()
    assert len(ours) <= 9, sorted(ours)


def test_four_modules_under_the_launcher():
    for name in ("hasten.patch", "hasten.queue", "hasten.futures", "hasten.subprocess"):
        pytest.importorskip(name)
    plain = loaded(imports=("runpy", "importlib.util", "queue", *FOUR))
    ours, theirs = parts(plain, loaded("-m", "hasten", imports=FOUR))
    if sys.version_info >= (3, 13):
        assert theirs <= THREADS | {"gc"}
    assert len(ours) <= 75, sorted(ours)


def test_a_worker_of_a_pool(tmp_path):
    pytest.importorskip("hasten.multiprocessing")
    pytest.importorskip("_multiprocessing")
    program = tmp_path / "program.py"
    program.write_text(WORKER)
    command = [sys.executable, "-I", str(program), *set(NOT_IN_WORKERS) - loaded()]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, timeout=60)
    assert set(done.stdout.splitlines()) <= {"pool", "executor"} and "pool" in done.stdout
