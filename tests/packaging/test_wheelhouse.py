"""A wheel is built again exactly when what it is made from has changed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import virtualenv
import wheelhouse
from support.small_distributions import NEEDS_LOW, write_distribution


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_distribution(tmp_path, "hasten-low", [])
    write_distribution(tmp_path, "hasten-high", NEEDS_LOW)
    return tmp_path


@pytest.fixture
def build(root, build_environments, capfd):
    """Builds the named packages and returns the names of those that were not up to date."""

    def run(*arguments: str) -> list[str]:
        capfd.readouterr()
        common = ["--root", str(root), "--out", str(build_environments)]
        assert wheelhouse.main([*common, *arguments]) == 0, capfd.readouterr().err
        lines = capfd.readouterr().out.splitlines()
        return sorted(line.split()[2].partition("-")[0] for line in lines if " built in " in line)

    for stale in build_environments.glob("*.whl"):
        stale.unlink()
    return run


def low_source(root: Path) -> Path:
    return root / "packages/hasten-low/src/hasten/low/__init__.py"


def shipped(wheels: Path, name: str) -> str:
    (wheel,) = wheels.glob("hasten_low-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name).decode()


def test_twice_without_a_change(build):
    assert build() == ["hasten_high", "hasten_low"]
    assert build() == []


def test_an_edit_is_built(root, build, build_environments):
    build()
    low_source(root).write_text("ANSWER = 2\n")
    assert build() == ["hasten_low"]
    assert shipped(build_environments, "hasten/low/__init__.py") == "ANSWER = 2\n"


def test_going_back_to_an_earlier_source_is_built_too(root, build, build_environments):
    build()
    low_source(root).write_text("ANSWER = 2\n")
    build()
    low_source(root).write_text("ANSWER = 1\n")
    assert build() == ["hasten_low"]
    assert shipped(build_environments, "hasten/low/__init__.py") == "ANSWER = 1\n"


def test_a_test_is_nothing_a_wheel_is_made_from(root, build):
    build()
    (root / "packages/hasten-low/tests").mkdir()
    (root / "packages/hasten-low/tests/test_low.py").write_text("def test(): assert True\n")
    assert build() == []


def test_a_wheel_that_somebody_replaced_is_built(build, build_environments):
    build()
    (wheel,) = build_environments.glob("hasten_low-*.whl")
    wheel.write_bytes(b"something else")
    assert build() == ["hasten_low"]


def test_other_compiler_flags(build, monkeypatch):
    build()
    monkeypatch.setenv("CFLAGS", "-DOTHER")
    assert build() == ["hasten_high", "hasten_low"]


def test_a_debug_build_is_another_one(build, monkeypatch):
    build()
    monkeypatch.setenv("HASTEN_DEBUG", "0")
    assert build() == []
    monkeypatch.setenv("HASTEN_DEBUG", "1")
    assert build() == ["hasten_high", "hasten_low"]
    assert build() == []
    monkeypatch.delenv("HASTEN_DEBUG")
    assert build() == ["hasten_high", "hasten_low"]


def test_the_wheels_of_a_debug_build_are_kept_apart(monkeypatch):
    monkeypatch.delenv("HASTEN_DEBUG", raising=False)
    usual = wheelhouse.parse([]).out
    monkeypatch.setenv("HASTEN_DEBUG", "1")
    assert wheelhouse.parse([]).out not in (usual, *usual.parents)
    assert usual not in wheelhouse.parse([]).out.parents


def test_the_compiler_is_told_of_a_debug_build(root, build, build_environments, monkeypatch):
    folder = root / "packages/hasten-low"
    source = """
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "hasten.low._c"};
PyMODINIT_FUNC PyInit__c(void) {
#ifdef HASTEN_DEBUG
    int debug = HASTEN_DEBUG;
#else
    int debug = 0;
#endif
    PyObject *module = PyModule_Create(&definition);
    PyModule_AddIntConstant(module, "debug", debug);
    PyModule_AddIntConstant(module, "other", OTHER);
    return module;
}
"""
    (folder / "_c.c").write_text(source)
    (folder / "setup.py").write_text(
        "from setuptools import Extension, setup\n"
        "setup(ext_modules=[Extension('hasten.low._c', ['_c.c'])])\n"
    )
    monkeypatch.setenv("CFLAGS", "-DOTHER=7")
    for name, value in (("0", 0), ("1", 1)):
        monkeypatch.setenv("HASTEN_DEBUG", name)
        build("low")
        wheel = max(build_environments.glob("hasten_low-*.whl"), key=lambda path: path.stat().st_mtime_ns)
        unpacked = root / f"unpacked-{name}"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unpacked)
        code = "from hasten.low._c import debug, other; print(debug, other)"
        told = subprocess.run([sys.executable, "-c", code], cwd=unpacked, capture_output=True, text=True)
        assert told.stdout == f"{value} 7\n", told.stderr


def test_leftovers_of_an_earlier_build_do_not_slip_in(root, build, build_environments):
    gone = root / "packages/hasten-low/build/lib/hasten/low"
    gone.mkdir(parents=True)
    (gone / "gone.py").touch()
    build()
    (wheel,) = build_environments.glob("hasten_low-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.endswith("gone.py")]


def test_a_new_version_takes_the_old_ones_place(root, build, build_environments):
    build()
    settings = root / "packages/hasten-low/pyproject.toml"
    settings.write_text(settings.read_text().replace("0.1.0", "0.1.1"))
    build()
    assert [w.name.split("-")[1] for w in build_environments.glob("hasten_low-*.whl")] == ["0.1.1"]


def test_a_package_brings_its_siblings(build):
    assert build("hasten-high") == ["hasten_high", "hasten_low"]


def test_a_package_does_not_bring_its_dependants(build):
    assert build("low") == ["hasten_low"]


def test_install_replaces_what_is_there(root, build, tmp_path):
    environment = tmp_path / "environment"
    virtualenv.cli_run([str(environment), "-q"])
    python = str(environment / "bin" / "python")

    def answer(module: str) -> str:
        script = f"import hasten.{module} as module; print(module.ANSWER)"
        return subprocess.run([python, "-c", script], capture_output=True, text=True).stdout

    build("--python", python, "--install", "high")
    assert (answer("high"), answer("low")) == ("1\n", "1\n")
    low_source(root).write_text("ANSWER = 2\n")
    build("--python", python, "--install", "low")
    assert (answer("high"), answer("low")) == ("", "2\n")  # alone means alone


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing"], "no package named nothing; there are: high, low"),
        (["--python", "python9.9"], "no interpreter 'python9.9' found"),
        (["--python", "false"], "false does not run"),
    ],
)
def test_what_it_refuses(root, tmp_path, capsys, arguments, told):
    assert wheelhouse.main(["--root", str(root), "--out", str(tmp_path / "out"), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_install_needs_an_environment(root, tmp_path, capsys):
    base = getattr(sys, "_base_executable", sys.executable)
    command = ["--root", str(root), "--out", str(tmp_path / "out"), "--python", base, "--install"]
    assert wheelhouse.main(command) == 2
    assert "is not in a virtual environment" in capsys.readouterr().err


def test_no_packages(tmp_path, capsys):
    assert wheelhouse.main(["--root", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "no folder with a pyproject.toml" in capsys.readouterr().err


def test_a_failing_build_tells_what_the_compiler_said(root, build_environments, capfd):
    setup_py = root / "packages/hasten-low/setup.py"
    setup_py.write_text('raise SystemExit("the very words of the failure")\n')
    command = ["--root", str(root), "--out", str(build_environments), "low"]
    assert wheelhouse.main(command) == 1
    told = capfd.readouterr().err
    assert "hasten-low for " in told
    assert "the very words of the failure" in told
