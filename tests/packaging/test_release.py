"""The dry run of a release: what is in the way is told, all of it, and what it makes can be installed."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import release
from distributions import ROOT
from support.small_distributions import NEEDS_LOW, write_distribution


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, stdout=subprocess.DEVNULL)


def write(root: Path, name: str, version: str, needs: list[str]) -> Path:
    folder = write_distribution(root, name, needs, version)
    (folder / "CHANGELOG.md").write_text(f"# Changes\n\n## {version}\n\n- The answer.\n")
    (folder / "MANIFEST.in").write_text("include CHANGELOG.md LICENSE\n")
    (folder / "LICENSE").write_text("free\n")
    return folder


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "a change")


@pytest.fixture
def root(tmp_path: Path, build_environments: Path) -> Path:
    (tmp_path / ".wheelhouse").symlink_to(build_environments)
    write(tmp_path, "hasten-low", "0.1.0", [])
    write(tmp_path, "hasten-high", "0.1.0", NEEDS_LOW)
    (tmp_path / "LICENSE").write_text("free\n")
    (tmp_path / ".gitignore").write_text(".wheelhouse\ndist/\n")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path


@pytest.fixture
def look(root, capsys):
    """The findings about the named distributions, and the exit status."""

    def run(*names: str) -> tuple[int, str]:
        capsys.readouterr()
        status = release.main(["--root", str(root), "--only-look", *names])
        return status, capsys.readouterr().err

    return run


def test_nothing_is_in_the_way(look):
    assert look("low", "high") == (0, "")


@pytest.mark.parametrize("name", ["low", "hasten-low"])
def test_by_either_name(look, name):
    assert look(name) == (0, "")


def test_a_name_that_is_none(look):
    status, told = look("middle")
    assert status == 2
    assert "no package named middle; there are:" in told


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("0.2.0.dev1", "is one of development"),
        ("0.2.0+local", "is one of development"),
        ("0.2.0-1-1", "is none of PEP 440's"),
        ("0.2.0-rc1", "is written 0.2.0rc1"),
    ],
)
def test_a_version_that_cannot_be_released(root, look, version, told):
    write(root, "hasten-high", version, NEEDS_LOW)
    commit(root)
    status, found = look("high")
    assert status == 1
    assert told in found


def test_a_change_log_of_another_version(root, look):
    folder = write(root, "hasten-high", "0.1.1", NEEDS_LOW)
    (folder / "CHANGELOG.md").write_text("# Changes\n\n## 0.1.0\n\n- The answer.\n")
    commit(root)
    assert "top entry is 0.1.0, the version is 0.1.1" in look("high")[1]


def test_a_change_log_that_says_nothing(root, look):
    folder = write(root, "hasten-high", "0.1.1", NEEDS_LOW)
    (folder / "CHANGELOG.md").write_text("# Changes\n\n## 0.1.1\n\n## 0.1.0\n\n- The answer.\n")
    commit(root)
    assert "CHANGELOG.md says nothing of 0.1.1" in look("high")[1]


def test_a_range_that_leaves_out_the_new_version(root, look):
    """It is a finding of the one that is released: with the other it can't be installed any more."""
    write(root, "hasten-low", "0.2.0", [])
    commit(root)
    assert "hasten-high: needs hasten-low<0.2,>=0.1, but hasten-low is at 0.2.0" in look("low")[1]


def test_what_is_not_committed(root, look):
    (root / "packages/hasten-low/src/hasten/low/more.py").write_text("")
    status, found = look("low")
    assert status == 1
    assert "not committed" in found
    assert "more.py" in found
    assert look("high") == (0, "")  # of this one nothing is


def test_a_tag_of_another_commit(root, look):
    git(root, "tag", "hasten-low-v0.1.0")
    assert look("low") == (0, "")  # the tag is there, and names what is here
    commit(root)
    status, found = look("low")
    assert status == 1
    assert "the tag hasten-low-v0.1.0 is that of another commit: raise the version" in found


def test_a_version_below_that_of_a_tag(root, look):
    git(root, "tag", "hasten-low-v0.1.10")
    git(root, "tag", "hasten-high-v0.0.9")
    assert "0.1.0 is not above 0.1.10" in look("low")[1]
    assert look("high") == (0, "")


def test_all_findings_at_once(root, look):
    for name in ("hasten-low", "hasten-high"):
        (write(root, name, "0.1.0", []) / "CHANGELOG.md").write_text("")
    found = look("low", "high")[1]
    for name in ("hasten-low", "hasten-high"):
        assert f"release: {name}: CHANGELOG.md says nothing of 0.1.0" in found
        assert f"release: {name}: not committed" in found


def test_no_repository(root, look, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(root / "none"))
    status, told = look("low")
    assert status == 2
    assert "release: git status" in told


def test_the_whole_run(root, capfd):
    pytest.importorskip("twine", reason="needs twine, as tox -e tools has it")
    assert release.main(["--root", str(root), "high"]) == 0, capfd.readouterr().err
    said = capfd.readouterr().out
    out = root / "dist" / "hasten-high-0.1.0"
    assert sorted(path.name for path in out.iterdir()) == [
        "hasten_high-0.1.0-py3-none-any.whl",
        "hasten_high-0.1.0.tar.gz",
    ]
    assert "installed alone and imported" in said
    assert "git tag -a hasten-high-v0.1.0" in said


@pytest.fixture
def make(root, monkeypatch):
    """The run but for twine's check of the descriptions."""
    monkeypatch.setattr(release, "check_descriptions", lambda out: None)
    return lambda name: release.main(["--root", str(root), name])


def test_what_is_made(root, make):
    assert make("low") == 0
    out = root / "dist" / "hasten-low-0.1.0"
    with zipfile.ZipFile(out / "hasten_low-0.1.0-py3-none-any.whl") as wheel:
        assert "hasten/low/__init__.py" in wheel.namelist()
    with tarfile.open(out / "hasten_low-0.1.0.tar.gz") as sdist:
        assert "hasten_low-0.1.0/CHANGELOG.md" in sdist.getnames()


def test_an_import_that_is_not_declared(root, make, capsys):
    home = write(root, "hasten-high", "0.1.0", []) / "src/hasten/high"
    (home / "__init__.py").write_text("import hasten.low\n")
    commit(root)
    assert make("high") == 1
    assert "No module named 'hasten.low'" in capsys.readouterr().err


def test_a_file_that_the_sdist_lacks(root, make, capsys):
    folder = root / "packages/hasten-low"
    (folder / "src/hasten/low/data.txt").write_text("data\n")
    with open(folder / "pyproject.toml", "a") as settings:
        settings.write('include-package-data = false\n[tool.setuptools.package-data]\n"*" = ["*.txt"]\n')
    with open(folder / "MANIFEST.in", "a") as manifest:
        manifest.write("global-exclude *.txt\n")
    commit(root)
    assert make("low") == 1
    assert "differs in hasten/low/data.txt" in capsys.readouterr().err


def test_a_source_that_the_sdist_lacks(root, make, capsys):
    (root / "packages/hasten-low/MANIFEST.in").unlink()
    commit(root)
    assert make("low") == 1
    assert "hasten_low-0.1.0.tar.gz has no CHANGELOG.md" in capsys.readouterr().err


def test_every_distribution_here_has_its_change_log(monkeypatch):
    """What a release looks at without git: true of this repository at any commit."""
    known = release.discover(ROOT)
    monkeypatch.setattr(release, "git_findings", lambda root, distribution: [])
    assert [finding for d in known.values() for finding in release.findings(ROOT, d, known)] == []


def test_help():
    told = subprocess.run(
        [sys.executable, "tools/release.py", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert told.returncode == 0
    assert "--only-look" in told.stdout
