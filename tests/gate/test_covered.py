"""tools/covered: what is counted, how files of tests run, what is told."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import gate
import psutil
import pytest
from covered import building, cli, figures, measuring
from covered.figures import Lines
from distributions import ROOT

# In place of coverage: `run` does what the file of tests says, `combine` nothing
STAND_IN = """
import sys
if sys.argv[1] == "run":
    marker, tests = sys.argv[5], sys.argv[-1]
    exec(open(tests).read())
"""


@pytest.fixture
def tests_in(tmp_path, monkeypatch):
    """Makes files of tests from the code that stands for running them."""
    script = tmp_path / "coverage.py"
    script.write_text(STAND_IN)
    monkeypatch.setattr(measuring, "COVERAGE", (sys.executable, str(script)))
    for module in (measuring, cli):
        monkeypatch.setattr(module, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(measuring, "TIMES", tmp_path / "times.json")
    monkeypatch.setattr(measuring, "ROOT", tmp_path)

    def make(name: str, code: str) -> Path:
        file = tmp_path / "packages" / "hasten-one" / "tests" / f"test_{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(code))
        return file

    return make


PASSES = """
print("== 2 passed, 1 deselected in 0.01s ==")
open(marker, "w").close()
"""


def test_a_file_that_ends(tests_in):
    done = measuring.measure(tests_in("ends", PASSES))
    assert done.finished and done.outcome == "2 passed, 1 deselected"
    assert measuring.name_of(done.file) == "hasten-one/test_ends.py"


def test_a_file_that_does_not_end_is_told(tests_in):
    done = measuring.measure(tests_in("hangs", "import time; time.sleep(60)"), patience=0.01)
    assert not done.finished and done.outcome == "exit status -9"


def test_what_takes_too_long_is_killed_with_its_children():
    code = "import os, time; child = os.fork(); print(child, flush=True) if child else None; time.sleep(60)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        assert not measuring.ended(parent, 0.01)
        assert parent.stdout.read() == b""  # the child has let go of it
    psutil.wait_procs([child], 20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_file_that_ends_before_pytest_does_is_told(tests_in):
    done = measuring.measure(tests_in("exits", "import os; os._exit(0)"))
    assert not done.finished and done.outcome == "exit status 0"


def test_the_longest_of_the_last_time_is_first_and_each_has_a_line(tests_in, capsys):
    files = [tests_in(name, PASSES) for name in ("short", "long", "new")]
    measuring.TIMES.write_text(json.dumps({"hasten-one/test_short.py": 1, "hasten-one/test_long.py": 9}))
    done = list(measuring.measure_all(files, 1))
    names = [one.file.stem for one in done]
    assert names == ["test_new", "test_long", "test_short"]  # what is not known may take longest
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("(")[0] for line in lines] == [f"covered:   {n} of 3 " for n in (1, 2, 3)]
    assert "about 0.0 left" in lines[-1] and "2 passed" in lines[-1]
    assert set(json.loads(measuring.TIMES.read_text())) == {f"hasten-one/{name}.py" for name in names}


def test_under_coverage_a_test_that_fails_is_not_run_again(suite, tmp_path):
    suite.add("flaky", "def test_fails_once(): assert calls() > 1")
    marker = tmp_path / "finished"
    result = suite.run(gate.MEASURED, str(marker))
    assert result.closing == "1 failed" and suite.calls() == 1
    assert marker.read_text() == "1"  # it came to its end all the same


def test_more_runs_what_the_last_run_of_the_same_sources_did_not_come_to(tests_in):
    files = [tests_in(name, PASSES) for name in ("one", "two")]
    assert cli.of_this_run(files, "sources", more=True) == files
    measuring.measure(files[0])
    measuring.data_of(files[0]).touch()
    assert cli.of_this_run(files, "sources", more=True) == files[1:]
    assert cli.of_this_run(files, "other sources", more=True) == files
    assert not measuring.data_of(files[0]).exists()  # lines of other sources do not count


def test_an_interrupt_leaves_what_has_run(tests_in, monkeypatch, capsys):
    files = [tests_in(name, PASSES) for name in ("one", "two", "three")]

    def measure_all(files, workers):
        yield measuring.measure(files[0])
        raise KeyboardInterrupt

    monkeypatch.setattr(measuring, "measure_all", measure_all)
    assert [one.file for one in cli.measured(files, 1)] == files[:1]
    assert "the other 2 files" in capsys.readouterr().out


def test_an_interrupt_stops_what_runs_and_forgets_it(tests_in):
    files = [tests_in("long", "import time; time.sleep(60)"), tests_in("short", PASSES)]
    runs = measuring.measure_all(files, 2)
    assert next(runs).file == files[1]
    with pytest.raises(KeyboardInterrupt):
        runs.throw(KeyboardInterrupt)
    assert not measuring.running
    assert not measuring.folder_of(files[0]).exists() and measuring.folder_of(files[1]).exists()


def test_lines_of_cython_are_the_plugins_in_all_data(tmp_path):
    with closing(sqlite3.connect(tmp_path / "data")) as base, base:
        base.execute("create table file (id integer primary key, path text)")
        base.execute("create table tracer (file_id integer, tracer text)")
        base.executemany("insert into file values (?, ?)", [(1, "a/_b.pyx"), (2, "a/_c.pyx"), (3, "a/d.py")])
        base.execute("insert into tracer values (2, ?)", (measuring.TRACER,))
    measuring.name_plugin(tmp_path / "data")
    with closing(sqlite3.connect(tmp_path / "data")) as base:
        assert sorted(base.execute("select * from tracer")) == [(1, measuring.TRACER), (2, measuring.TRACER)]


def test_how_long_it_will_take():
    assert measuring.left(["a", "b"], {"a": 10, "c": 20}, 2) == 12.5  # b as long as those that are known
    assert measuring.left(["a"], {}, 2) == 0


def test_the_paths_are_there_for_the_time_of_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "PATHS", tmp_path / "a.pth")
    with pytest.raises(KeyError), measuring.installed():
        entries = (tmp_path / "a.pth").read_text().splitlines()
        raise KeyError
    assert Path(entries[1], "cython_lines.py").exists()
    assert not os.path.exists(tmp_path / "a.pth")


def test_lines_without_the_gil_are_not_counted():
    kept = "  __Pyx_TraceLine(7,2,0,__PYX_ERR(0, 7, __pyx_L1_error))\n  x = 1;\n"
    gone = "    __Pyx_TraceLine(8,2,1,__PYX_ERR(0, 8, __pyx_L4_error))\n"
    assert building.counted(kept + gone + kept) == kept + kept


def test_the_packages_directives_and_tracing():
    directives = building.directives()
    assert directives["linetrace"] is True and directives["binding"] is True


def test_what_is_compiled_again(tmp_path, monkeypatch):
    """Modules of the distribution in which a source has changed, and no others."""
    monkeypatch.setattr(building, "TREE", tmp_path / "tree")
    sources = tmp_path / "packages"
    for name in ("one", "two"):
        source = sources / name / "src" / "hasten" / name
        source.mkdir(parents=True)
        (source / "_a.pyx").write_text("a = 1\n")
        (source / "_b.pxd").write_text("")
    found = {name: type("D", (), {"folder": sources / name}) for name in ("one", "two")}
    monkeypatch.setattr(building, "discover", lambda: found)
    monkeypatch.setattr(building, "version", lambda name: "3.3")  # Cython need not be here
    before = building.copy_sources()
    assert {path.relative_to(tmp_path / "tree").as_posix() for path in before} == {
        "hasten/one/_a.pyx",
        "hasten/two/_a.pyx",
    }
    (sources / "one" / "src" / "hasten" / "one" / "_b.pxd").write_text("cdef int a\n")
    after = building.copy_sources()
    assert [path.parent.name for path in after if after[path] != before[path]] == ["one"]


LINES = [
    Lines(Path("hasten/queue/_queue.pyx"), "hasten-queue", 100, tuple(range(5, 15))),
    Lines(Path("hasten/queue/__init__.py"), "hasten-queue", 20, ()),
    Lines(Path("hasten/sched/_a.pyx"), "hasten-sched", 100, (3, 4, 9)),
]


def test_the_figures_of_each_package_and_of_all():
    rows = [line.split() for line in figures.table(LINES).splitlines()]
    assert rows[0] == ["Python", "Cython"]
    assert rows[1] == ["hasten-queue", "100.0%", "of", "20", "90.0%", "of", "100"]
    assert rows[2] == ["hasten-sched", "97.0%", "of", "100"]
    assert rows[3] == ["all", "100.0%", "of", "20", "93.5%", "of", "200"]


def test_the_most_lines_first():
    assert figures.least_covered(LINES).splitlines() == [
        "hasten/queue/_queue.pyx: 10 of 100: 5-14",
        "hasten/sched/_a.pyx: 3 of 100: 3-4 9",
    ]
    assert figures.least_covered(LINES, 1).count("\n") == 0


def test_every_folder_belongs_to_a_distribution():
    homes = figures.packages()
    assert homes["_thread"] == "hasten-thread" and homes["multiprocessing"] == "hasten-multiprocessing"
    assert not (ROOT / "packages" / "hasten" / "src" / "hasten" / "queue").exists()


def test_a_source_is_found_whatever_folder_coverage_puts_before_its_name(tmp_path, monkeypatch):
    pytest.importorskip("coverage")
    monkeypatch.syspath_prepend(str(measuring.PLUGIN))
    from cython_lines import Lines as Plugin

    source = tmp_path / "hasten" / "queue" / "_queue.pyx"
    source.parent.mkdir(parents=True)
    source.write_text("")
    plugin = Plugin(str(tmp_path))
    names = ("_queue.pyx", "_queue.cpython-311-x86_64-linux-gnu.so")
    for before, name in itertools.product((tmp_path, Path("/nowhere/hasten/project")), names):
        tracer = plugin.file_tracer(f"{before}/hasten/queue/{name}")
        assert tracer is not None and tracer.source_filename() == str(source)
        frame = sys._getframe()
        assert tracer.line_number_range(frame) == (frame.f_lineno,) * 2
    for name in ("hasten/queue/_b.pyx", "hasten/queue/_queue.pxd", "a/attributes.pxi", "hasten/a.py"):
        assert plugin.file_tracer(f"{tmp_path}/{name}") is None
