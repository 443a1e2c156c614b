"""set_forkserver_preload(): what a fork server does with modules that it can't import."""

from __future__ import annotations

import subprocess
import sys
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hasten.multiprocessing

PROGRAM = """
import sys
from {package} import get_context

def show():
    print("preloaded", [name for name in ("there", "later") if name in sys.modules], flush=True)

if __name__ == "__main__":
    context = get_context("forkserver")
    context.set_forkserver_preload(["there", "not_there", "later"], **{options})
    process = context.Process(target=show)
    try:
        process.start()
    except (EOFError, OSError) as error:
        print(" ".join([type(error).__name__, str(error), *getattr(error, "__notes__", [])]))
    else:
        process.join()
        print(process.exitcode)
"""


def outcome(tmp_path: Path, package: str, **options: Any) -> tuple[str, str]:
    for name in ("there", "later"):
        Path(tmp_path, f"{name}.py").write_text("")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(package=package, options=options))
    command = [sys.executable, "-W", "always", str(program)]
    # the fork servers of older versions do not search the program's folder
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=50, env={"PYTHONPATH": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture(params=["multiprocessing", "hasten.multiprocessing"], ids=["stdlib", "hasten"])
def package(request: pytest.FixtureRequest) -> str:
    if request.param == "multiprocessing" and sys.version_info < (3, 15):
        pytest.skip("on_error is new in 3.15")
    return request.param


@pytest.mark.parametrize("options", [{}, {"on_error": "ignore"}])
def test_ignored(tmp_path: Path, options: dict[str, str]) -> None:
    told, said = outcome(tmp_path, "hasten.multiprocessing", **options)
    assert told == "preloaded ['there', 'later']\n0\n"
    assert "not_there" not in said


def test_warned_of(tmp_path: Path, package: str) -> None:
    told, said = outcome(tmp_path, package, on_error="warn")
    assert told == "preloaded ['there', 'later']\n0\n"
    assert "ImportWarning: Failed to preload module 'not_there': No module named 'not_there'" in said


def test_fails(tmp_path: Path, package: str) -> None:
    told, said = outcome(tmp_path, package, on_error="fail")
    assert not told.startswith("preloaded")
    assert "stderr" in told
    assert "ModuleNotFoundError: No module named 'not_there'" in said


@given(st.text() | st.none() | st.integers())
def test_no_such_policy(policy: Any) -> None:
    if policy in ("ignore", "warn", "fail"):
        return
    before = forkserver._forkserver._preload_modules  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="on_error must be 'ignore', 'warn', or 'fail', not "):
        hasten.multiprocessing.set_forkserver_preload(["json"], on_error=policy)
    assert forkserver._forkserver._preload_modules is before  # type: ignore[attr-defined]


def test_no_names() -> None:
    with pytest.raises(TypeError, match="module_names must be a list of strings"):
        hasten.multiprocessing.set_forkserver_preload([3], on_error="warn")  # type: ignore[list-item]
