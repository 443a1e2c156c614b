"""The standard library's results are kept by interpreter build, and only what can be relied upon."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from planting import DROPS, FAITHFUL, NOWAIT, needs_driver

pytestmark = [needs_driver, pytest.mark.timeout(120)]


@pytest.fixture
def keep(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def side(tmp_path: Path):
    """An environment of this interpreter with a test of its own, `conformance_generated.test_own`."""
    from conformance.environments import GENERATED, Environment

    home = tmp_path / "site" / GENERATED
    home.mkdir(parents=True)
    (home / "test_own.py").write_text("# the test\n")
    return Environment(sys.executable, home.parent, {})


def job(**changes):
    from conformance.process import Job

    module = "conformance_generated.test_own"
    plain = Job(module, {}, {}, redirected=False, limit=120, match=(), besides=(), apart=())
    return replace(plain, **changes)


def a_run(**statuses: str):
    from conformance.process import EXIT, ModuleRun, Outcome

    outcomes = {name: Outcome(status, "text", 0.5) for name, status in statuses.items()}
    end = outcomes.pop("end", Outcome("passed"))
    return ModuleRun("m", [*outcomes], {**outcomes, f"m.{EXIT}": end}, ["a note"], "", True)


def test_the_second_run_takes_what_the_first_has_kept(tool, keep):
    tool.plant(FAITHFUL)
    first = tool.run(*NOWAIT, "--keep", keep)
    again = tool.run(*NOWAIT, "--keep", keep)
    assert first.status == again.status == 0
    assert "kept from an earlier run" not in first.output
    assert "stdlib test_queue: 3 tests, kept from an earlier run" in again.output
    assert "hasten test_queue: 3 of 3 done" in again.output  # ours is run each time
    strip = {name: dict(test, seconds=0) for name, test in first.suite["tests"].items()}
    assert {name: dict(test, seconds=0) for name, test in again.suite["tests"].items()} == strip


def test_what_is_lost_is_lost_to_results_that_were_kept_too(tool, keep):
    tool.plant(FAITHFUL)
    tool.run(*NOWAIT, "--keep", keep)
    tool.plant(DROPS)
    result = tool.run(*NOWAIT, "--keep", keep)
    assert "kept from an earlier run" in result.output
    assert (result.status, set(result.lost())) == (1, {"PyQueueTest.test_nowait"})


def test_without_the_option_nothing_is_kept(tool, keep):
    tool.plant(FAITHFUL)
    tool.run(*NOWAIT)
    assert not keep.exists()


def test_a_run_comes_back_as_it_was(keep, side):
    from conformance.kept import Kept

    kept = Kept(keep)
    file = kept.file(side, job())
    assert kept.take(file) is None
    run = a_run(one="passed", two="skipped", three="xfailed")
    kept.keep(file, run)
    assert Kept(keep).take(file) == run


def test_a_failure_is_believed_when_it_has_come_twice(keep, side):
    from conformance.kept import Kept

    kept = Kept(keep)
    file = kept.file(side, job())
    kept.keep(file, a_run(one="passed", two="failed"))
    assert kept.take(file) is None
    kept.keep(file, a_run(one="failed", two="failed"))
    assert kept.take(file) is None
    kept.keep(file, a_run(one="failed", two="error"))
    assert kept.take(file) == a_run(one="failed", two="error")


def test_a_run_that_passes_replaces_one_that_failed(keep, side):
    from conformance.kept import Kept

    kept = Kept(keep)
    file = kept.file(side, job())
    kept.keep(file, a_run(one="failed"))
    kept.keep(file, a_run(one="passed"))
    assert kept.take(file) == a_run(one="passed")


def test_a_run_with_a_hole_or_a_bad_end_is_not_kept(keep, side):
    from conformance.kept import Kept
    from conformance.process import Outcome

    kept = Kept(keep)
    file = kept.file(side, job())
    hole = a_run(one="passed")
    hole.planned.append("two")
    nothing = a_run()
    for run in (hole, nothing, a_run(one="passed", end="crashed")):
        kept.keep(file, run)
        kept.keep(file, run)
        assert kept.take(file) is None
    without_end = a_run(one="passed")
    without_end.outcomes = {"one": Outcome("passed")}
    kept.keep(file, without_end)
    assert kept.take(file) is None


def test_each_thing_that_matters_has_results_of_its_own(keep, side):
    from conformance.kept import Kept

    def file():
        return Kept(keep).file(side, job())

    files = {file()}
    for changes in ({"limit": 5}, {"match": ("*x*",)}, {"besides": ("*x*",)}, {"apart": ("*x*",)}):
        files.add(Kept(keep).file(side, job(**changes)))
    other_build = Kept(keep)
    real = other_build.identity(side)
    real[3] = "3.11.0 (another build)"
    files.add(other_build.file(side, job()))
    (side.site / "conformance_generated" / "test_own.py").write_text("# the test, changed\n")
    files.add(file())
    assert len(files) == 7 and None not in files


NO_RUN = '{"sure": true, "run": {"module": "m", "outcomes": %s}}'
SPOILT = ("", "{", "[]", "{}", NO_RUN % "[]", NO_RUN % '{"a": {}}')


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_spoilt_file_is_run_again(keep, side, spoilt):
    from conformance.kept import Kept

    kept = Kept(keep)
    file = kept.file(side, job())
    keep.mkdir()
    file.write_text(spoilt)
    assert kept.take(file) is None
    kept.keep(file, a_run(one="passed"))
    assert kept.take(file) == a_run(one="passed")
    assert json.loads(file.read_text())["sure"] is True


def test_a_test_that_is_not_there_has_no_file(keep, side):
    from conformance.kept import Kept

    assert Kept(keep).file(side, job(module="conformance_generated.test_absent")) is None
