"""Each rule: kept by the repository of the fixture, and seen when it is broken in one place."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import check_packages
import pytest


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} does not say {old!r}"
    path.write_text(text.replace(old, new))


def fake_wheel(repository: Path, name: str, *paths: str) -> None:
    wheels = repository / ".wheelhouse"
    wheels.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheels / f"{name}-0.1.0-py3-none-any.whl", "w") as wheel:
        for path in (*paths, f"{name}-0.1.0.dist-info/METADATA"):
            wheel.writestr(path, "")


def test_a_sound_repository_has_no_findings(findings):
    assert findings() == []


def test_namespace_init_in_a_package(repository, findings):
    (repository / "packages/hasten-base/src/hasten/__init__.py").touch()
    assert findings() == [
        "packages/hasten-base/src/hasten/__init__.py: must not be; hasten is a namespace package (PEP 420)"
    ]


def test_namespace_init_outside_of_packages(repository, findings):
    stray = repository / "tests" / "hasten"
    stray.mkdir(parents=True)
    (stray / "__init__.pyi").touch()
    assert findings() == ["tests/hasten/__init__.pyi: must not be; hasten is a namespace package (PEP 420)"]


def test_namespace_init_in_a_wheel(repository, findings):
    fake_wheel(repository, "hasten_base", "hasten/__init__.py", "hasten/_base/__init__.py")
    assert findings() == [
        "hasten_base-0.1.0-py3-none-any.whl: ships hasten/__init__.py;"
        " hasten is a namespace package (PEP 420)"
    ]


def test_one_path_in_two_trees(repository, findings):
    for name in ("base", "upper"):
        (repository / f"packages/hasten-{name}/src/hasten/py.typed").touch()
    assert findings() == [
        "hasten/py.typed: shipped by hasten-base and by hasten-upper; one path has one owner"
    ]


def test_one_path_in_two_wheels(repository, findings):
    fake_wheel(repository, "hasten_base", "hasten/shared.py")
    fake_wheel(repository, "hasten_upper", "hasten/shared.py")
    assert findings() == [
        "hasten/shared.py: shipped by hasten-base and by hasten-upper; one path has one owner"
    ]


def test_two_wheels_of_one_distribution_may_ship_the_same(repository, findings):
    fake_wheel(repository, "hasten_base", "hasten/_base/extra.py")
    shutil.copy(
        repository / ".wheelhouse/hasten_base-0.1.0-py3-none-any.whl",
        repository / ".wheelhouse/hasten_base-0.1.0-cp39-cp39-linux_x86_64.whl",
    )
    assert findings() == []


def test_a_range_that_leaves_the_sibling_out(repository, findings):
    replace(repository / "packages/hasten-base/pyproject.toml", '"0.1.0"', '"0.2.0"')
    replace(repository / "packages/hasten-base/CHANGELOG.md", "## 0.1.0", "## 0.2.0")
    assert findings() == ["hasten-upper: needs hasten-base<0.2,>=0.1, but hasten-base is at 0.2.0"]


def test_a_sibling_without_a_range(repository, findings):
    replace(repository / "packages/hasten-upper/pyproject.toml", "hasten-base>=0.1,<0.2", "hasten-base")
    assert findings() == ["hasten-upper: needs hasten-base without a range of versions"]


def test_a_sibling_that_is_not_there(repository, findings):
    replace(repository / "packages/hasten-upper/pyproject.toml", "hasten-base>", "hasten-bass>")
    assert findings() == ["hasten-upper: needs hasten-bass<0.2,>=0.1, which is not under packages/"]


def test_a_package_without_a_factor(repository, findings):
    replace(repository / "tox.ini", "{base,upper}", "{base}")
    assert findings() == ["tox.ini: packages/hasten-upper has no factor upper"]


def test_a_factor_without_a_package(repository, findings):
    replace(repository / "tox.ini", "{base,upper}", "{base,upper,lower}")
    assert findings() == ["tox.ini: factor lower has no folder under packages/"]


def test_no_headers(repository, findings):
    (repository / "packages/hasten-base/include").unlink()
    assert findings() == [
        "packages/hasten-base/include: missing; make it a symbolic link to ../../tools/include"
    ]


def test_headers_that_are_an_equal_copy(repository, findings):
    copy_headers(repository)
    assert findings() == []


def test_headers_that_have_drifted(repository, findings):
    with open(copy_headers(repository) / "clock.h", "a") as header:
        header.write("/* a fix that the others do not get */\n")
    assert findings() == ["packages/hasten-base/include/clock.h: differs from tools/include/clock.h"]


def test_a_header_that_only_the_copy_has(repository, findings):
    (copy_headers(repository) / "mine.h").touch()
    assert findings() == [
        "packages/hasten-base/include/mine.h: not in tools/include, where its source has to be"
    ]


def test_a_second_header_of_a_shared_name(repository, findings):
    (repository / "packages/hasten-base/src/hasten/_base/clock.h").touch()
    assert findings() == [
        "packages/hasten-base/src/hasten/_base/clock.h: there is a tools/include/clock.h; use that one"
    ]


def copy_headers(repository: Path) -> Path:
    include = repository / "packages/hasten-base/include"
    include.unlink()
    shutil.copytree(repository / "tools/include", include)
    return include


@pytest.mark.parametrize(
    ("old", "new"),
    [('"-O2"', '"-O1"'), ('"auto_pickle": False', '"auto_pickle": True'), ("same file", "file")],
)
def test_setup_py_that_differs(repository, findings, old, new):
    replace(repository / "packages/hasten-base/setup.py", old, new)
    assert findings() == ["packages/hasten-base/setup.py: differs from tools/template/setup.py"]


def test_setup_py_builds_what_there_is(repository, findings):
    home = repository / "packages/hasten-base"
    shutil.copy(home / "src/hasten/_base/_core.pyx", home / "src/hasten/_base/_more.pyx")
    assert findings() == []


def test_no_setup_py_beside_a_pyx(repository, findings):
    (repository / "packages/hasten-base/setup.py").unlink()
    assert findings() == ["packages/hasten-base/setup.py: missing, and there are .pyx files"]


def test_pure_python_needs_neither_setup_py_nor_headers_nor_a_stub(repository, findings):
    home = repository / "packages/hasten-base"
    for path in ("setup.py", "include", "src/hasten/_base/_core.pyx", "src/hasten/_base/__init__.pyi"):
        (home / path).unlink()
    assert findings() == []


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "LICENSE"])
def test_a_missing_file(repository, findings, name):
    (repository / "packages/hasten-base" / name).unlink()
    assert findings() == [f"packages/hasten-base/{name}: missing"]


@pytest.mark.parametrize("name", ["py.typed", "__init__.pyi"])
def test_missing_types(repository, findings, name):
    path = f"packages/hasten-base/src/hasten/_base/{name}"
    (repository / path).unlink()
    assert findings() == [f"{path}: missing; type checkers see nothing without it"]


def test_no_tests(repository, findings):
    (repository / "packages/hasten-base/tests/test__base.py").unlink()
    assert findings() == ["packages/hasten-base/tests: no test_*.py there"]


def test_a_folder_of_another_name(repository, findings):
    replace(
        repository / "packages/hasten-upper/pyproject.toml", 'name = "hasten-upper"', 'name = "hasten-top"'
    )
    assert "packages/hasten-upper: the distribution in it is called hasten-top" in findings()


def test_another_license(repository, findings):
    replace(repository / "packages/hasten-base/pyproject.toml", 'license = "MIT"', 'license = "BSD-2-Clause"')
    assert findings() == ["hasten-base: pyproject.toml has license = 'BSD-2-Clause', not 'MIT'"]


def test_another_license_text(repository, findings):
    own = repository / "packages/hasten-base/LICENSE"
    own.unlink()
    own.write_text("All rights reserved.\n")
    assert findings() == ["packages/hasten-base/LICENSE: differs from the repository's LICENSE"]


def test_a_changelog_behind_the_version(repository, findings):
    replace(repository / "packages/hasten-base/pyproject.toml", '"0.1.0"', '"0.1.1"')
    assert findings() == ["packages/hasten-base/CHANGELOG.md: top entry is 0.1.0, the version is 0.1.1"]


def test_a_changelog_without_an_entry(repository, findings):
    (repository / "packages/hasten-base/CHANGELOG.md").write_text("# Changes\n")
    assert findings() == ["packages/hasten-base/CHANGELOG.md: no entry such as '## 0.1.0'"]


def test_all_findings_are_listed_at_once(repository, findings):
    (repository / "packages/hasten-base/README.md").unlink()
    (repository / "packages/hasten-upper/src/hasten/__init__.py").touch()
    assert len(findings()) == 2


def test_a_broken_pyproject_is_one_clear_line(repository, capsys):
    path = repository / "packages/hasten-base/pyproject.toml"
    path.write_text("[project\n")
    assert check_packages.main(["--root", str(repository)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"check_packages: {path}: ")


def test_a_pyproject_without_a_version(repository, capsys):
    path = repository / "packages/hasten-base/pyproject.toml"
    replace(path, 'version = "0.1.0"\n', "")
    assert check_packages.main(["--root", str(repository)]) == 2
    assert capsys.readouterr().err == f"check_packages: {path}: no project.version\n"


def test_an_sdist_without_its_headers(repository, findings):
    # the wheel would build here all the same, from the checkout; only who has the sdist alone fails
    replace(repository / "packages/hasten-base/MANIFEST.in", "graft include\n", "")
    headers = sorted(path.name for path in (repository / "tools/include").iterdir())
    assert findings("--sdist") == [f"hasten-base: the sdist has no include/{name}" for name in headers]


def private_use_of_base(repository: Path, line: str) -> None:
    (repository / "packages/hasten-base/src/hasten/_base/_inner.py").write_text("VALUE = 1\n")
    (repository / "packages/hasten-upper/src/hasten/upper/_uses.py").write_text(f"{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "from hasten._base._inner import VALUE",
        "from hasten._base import _inner",
        "from hasten._base import (\n    _inner,\n)",
        "import hasten._base._inner",
        "def f():\n    from hasten._base._inner import VALUE",
    ],
)
def test_private_module_of_a_sibling(repository, findings, line):
    private_use_of_base(repository, line)
    assert findings() == [
        "packages/hasten-upper/src/hasten/upper/_uses.py: imports hasten._base._inner of hasten-base;"
        " share it in tools/include"
    ]


def test_private_module_with_a_reason(repository, findings):
    private_use_of_base(repository, "from hasten._base import _inner")
    entry = '[[use]]\nby = "hasten-upper"\nmodule = "hasten._base._inner"\nwhy = "a test"\n'
    (repository / "tools/private_use.toml").write_text(entry)
    assert findings() == []


def test_reason_without_a_use(repository, findings):
    entry = '[[use]]\nby = "hasten-upper"\nmodule = "hasten._base._inner"\nwhy = "a test"\n'
    (repository / "tools/private_use.toml").write_text(entry)
    assert findings() == ["tools/private_use.toml: hasten-upper does not use hasten._base._inner"]
