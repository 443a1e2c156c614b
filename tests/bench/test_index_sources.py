"""The demo's program against itself: however it hands items over, it prints the same, and nothing is lost."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from demo import index_sources

PROGRAM = Path(index_sources.__file__)
MEANS = ["queue", "pool", "processes"]
WAYS = [
    ["--items", items, *more]
    for items in ("large", "small")
    for more in (["--direct"], *(["--by", means, "-j", jobs] for means in MEANS for jobs in ("1", "4")))
]


@pytest.fixture
def tree(tmp_path):
    """Sources good, empty and broken; one in an installed package, which does not count."""
    (tmp_path / "pkg" / "site-packages").mkdir(parents=True)
    (tmp_path / "a.py").write_text("alpha = beta + alpha\n")
    (tmp_path / "pkg" / "b.py").write_text(
        '"""A text\nof two lines."""\ndef beta(gamma):\n    return gamma\n'
    )
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "latin.py").write_bytes(b"# no declaration: \xe9\nalpha\n")
    (tmp_path / "open.py").write_text('alpha = """never closed\n')
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "pkg" / "site-packages" / "c.py").write_text("alpha\n")
    for number in range(30):
        (tmp_path / f"many{number}.py").write_text("".join(f"name{n} = {n}\n" for n in range(number)))
    return tmp_path


def index(*words):
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, words)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_way_of_handing_over_prints_the_same(tree):
    outputs = {index(tree, *way) for way in WAYS}
    assert len(outputs) == 1


def test_names_are_counted_and_broken_files_are_named(tree):
    lines = [line.split() for line in index(tree, "--top", "100").splitlines()]
    assert ["files", "36"] in lines
    assert ["2", "alpha"] in lines and ["2", "beta"] in lines and ["2", "gamma"] in lines
    assert ["29", "name0"] in lines and ["1", "name28"] in lines
    assert not any("return" in line for line in lines), "a keyword is no name"
    named = [line[0] for line in lines[lines.index(["not", "tokenised:", "3"]) + 1 :]]
    assert named == ["gone.py:", "latin.py:", "open.py:"]


def test_the_checksum_sees_tokens_and_their_order(tree):
    before = index(tree)
    (tree / "a.py").write_text("beta = alpha + alpha\n")
    after = index(tree)
    assert before.splitlines()[1] == after.splitlines()[1], "as many tokens"
    assert before.splitlines()[3] != after.splitlines()[3], "another checksum"


def test_the_limit_takes_the_first_files(tree):
    assert "files      1\n" in index(tree, "--limit", "1")


def test_a_mistake_in_the_call_is_status_2(tree):
    for words in (
        ["nowhere"],
        [tree, "-j", "0"],
        [tree, "--items", "tiny"],
        [tree, "--pre", "no-such-program"],
    ):
        done = subprocess.run(
            [sys.executable, str(PROGRAM), *map(str, words)], capture_output=True, text=True, cwd=tree
        )
        assert done.returncode == 2, words


@pytest.mark.parametrize("way", WAYS)
def test_a_program_changes_what_is_indexed(tree, way):
    assert index(tree, *way, "--pre", "cat") == index(tree, "--direct")
    lines = [
        line.split() for line in index(tree, *way, "--top", "99", "--pre", "sed s/alpha/omega/g").splitlines()
    ]
    assert ["2", "omega"] in lines and not any("alpha" in line for line in lines)


@pytest.mark.parametrize("way", WAYS)
def test_a_program_that_fails_makes_files_unreadable(tree, way):
    shown = index(tree, *way, "--pre", "false")
    assert "not tokenised: 36" in shown and "a.py: false ended with status 1" in shown


@pytest.fixture
def forks(monkeypatch):
    """Workers know what a test has put in place of a part: they are forked."""
    monkeypatch.setattr(multiprocessing, "Pool", multiprocessing.get_context("fork").Pool)


def running():
    return threading.active_count(), multiprocessing.active_children()


@pytest.mark.parametrize("by", MEANS)
@pytest.mark.parametrize("stage", ["items", "work", "merge"])
@pytest.mark.parametrize("kind", [index_sources.WholeFiles, index_sources.SingleTokens])
@pytest.mark.usefixtures("forks")
def test_an_error_anywhere_is_reported_and_ends_them_all(tree, monkeypatch, capsys, kind, stage, by):
    def fail(*ignored):
        raise LookupError("planted")

    before = running()
    monkeypatch.setattr(kind, stage, fail)
    items = "large" if kind is index_sources.WholeFiles else "small"
    assert index_sources.main([str(tree), "--items", items, "-j", "2", "--by", by]) == 1
    shown = capsys.readouterr()
    assert "LookupError: planted" in shown.err
    assert shown.out == "", "a partial result is not printed"
    assert running() == before


@pytest.mark.parametrize("by", MEANS)
@pytest.mark.usefixtures("forks")
def test_ctrl_c_ends_them_all(tree, tmp_path, monkeypatch, capsys, by):
    main, process = threading.main_thread().ident, os.getpid()
    asked = tmp_path / "asked"  # by one worker alone: a second signal would interrupt the end itself
    work = index_sources.WholeFiles.work

    def interrupting(self, item):
        with contextlib.suppress(FileExistsError):
            os.close(os.open(asked, os.O_CREAT | os.O_EXCL))
            if os.getpid() == process:
                signal.pthread_kill(main, signal.SIGINT)
            else:
                os.kill(process, signal.SIGINT)
        return work(self, item)

    before = running()
    monkeypatch.setattr(index_sources.WholeFiles, "work", interrupting)
    # More files than the workers could get through before the signal arrives, were it lost.
    monkeypatch.setattr(index_sources, "sources", lambda root, limit: [tree / "a.py"] * 200_000)
    assert index_sources.main([str(tree), "--by", by]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert running() == before


def test_it_uses_the_standard_library_only():
    assert "hasten" not in PROGRAM.read_text()
