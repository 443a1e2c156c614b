"""A package made from the template is a whole one: it builds, installs, works and keeps the rules."""

from __future__ import annotations

import subprocess
import sys

import new_package
import pytest
import virtualenv
import wheelhouse
from tox_factors import factors


def make(repository, *arguments):
    return new_package.main([*arguments, "--root", str(repository)])


def test_it_keeps_the_rules(repository, findings):
    assert make(repository, "shared-memory") == 0
    assert findings() == []
    assert factors((repository / "tox.ini").read_text())[-1] == "shared_memory"


def test_no_placeholder_is_left(repository):
    assert make(repository, "dummy-thread", "--module", "_dummy_thread") == 0
    folder = repository / "packages/hasten-dummy-thread"
    for path in folder.rglob("*"):
        assert "MODULE_NAME" not in path.name
        if path.is_file() and path.suffix != ".h":
            text = path.read_text()
            assert "MODULE_NAME" not in text
            assert "DISTRIBUTION_NAME" not in text
    assert (folder / "src/hasten/_dummy_thread/__init__.py").is_file()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["base"], "exists already"),
        (["Sched"], "'Sched' is no name for a package"),
        (["../x"], "'../x' is no name for a package"),
        (["meta"], "'meta' is no name for a package"),
        (["sched", "--module", "a b"], "'a b' is no name for a module"),
    ],
)
def test_what_it_refuses(repository, capsys, arguments, told):
    before = sorted(repository.rglob("*"))
    assert make(repository, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert sorted(repository.rglob("*")) == before


@pytest.mark.timeout(600)
def test_it_builds_and_its_own_tests_pass(repository, tmp_path, monkeypatch):
    """The whole way: wheels of it and its sibling into a fresh environment, then its tests there."""
    environment = tmp_path / "environment"
    virtualenv.cli_run([str(environment), "-q"])
    python = str(environment / "bin" / "python")
    shared = ["--root", str(repository), "--out", str(tmp_path / "wheels")]
    assert wheelhouse.main([*shared, "--python", python, "--install", "upper"]) == 0
    script = "import hasten.upper, hasten._base; print(hasten.upper.now() <= hasten._base.now())"
    told = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "True\n"
    # the tests need pytest, which this interpreter's environment has and the fresh one does not
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    tests = repository / "packages/hasten-upper/tests/test_upper.py"
    command = [sys.executable, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", str(tests)]
    monkeypatch.setenv("PYTHONPATH", site)
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert "3 passed" in done.stdout, done.stdout + done.stderr
