"""Bad input gets one clear line and exit status 2; what cannot be run is named."""

from __future__ import annotations

import pytest
from planting import FAITHFUL, needs_driver

pytestmark = [needs_driver, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--python", "python2.6"], "no interpreter 'python2.6' found"),
        (["--python", "/bin/false"], "/bin/false does not run: exit status 1"),
        (["--wheels", "no/such/folder"], "no/such/folder: no such folder"),
        (["--suite", "queues"], "invalid choice: 'queues'"),
        (["--limit", "0"], "must be more than 0"),
        (["--jobs", "0"], "must be more than 0"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_options(tool, options, complaint):
    result = tool.run(*options)
    assert result.status == 2
    assert complaint in result.output and "Traceback" not in result.output


def test_a_suite_without_its_module_is_skipped_by_name(tool):
    tool.plant(FAITHFUL)
    result = tool.run("--suite", "sched", "--match", "*.test_nowait")
    assert result.status == 0, result.output
    assert [(entry["suite"], entry["reason"]) for entry in result.report["skipped"]] == [
        ("sched", "hasten.sched not installed")
    ]
    assert "sched py" in result.output and [suite["suite"] for suite in result.report["suites"]] == ["queue"]


def test_nothing_to_run_is_no_success(tool):
    result = tool.run()
    assert result.status == 2
    assert "hasten.queue not installed" in result.output and "--wheels DIR" in result.output


def test_a_pattern_that_matches_no_test_is_no_success(tool):
    tool.plant(FAITHFUL)
    result = tool.run("--match", "*.test_no_such_thing")
    assert result.status == 1
    assert "NOT COUNTED" in result.output


def test_the_list_names_every_suite(tool):
    from conformance.suites import SUITES

    result = tool.run("--list")
    assert result.status == 0
    assert all(name in result.output for name in SUITES)


@pytest.mark.parametrize(
    ("options", "chosen", "left_out"),
    [
        ([], {"queue", "subprocess", "mp_fork"}, set()),
        (["--usual"], {"queue", "subprocess", "mp_main_handling"}, {"mp_fork"}),
        (["--quick"], {"queue"}, {"subprocess", "mp_fork", "mp_main_handling"}),
        (["--quick", "--suite", "mp_fork"], {"queue", "mp_fork"}, {"subprocess"}),
        (["--suite", "mp_fork"], {"mp_fork"}, {"queue", "subprocess"}),
    ],
    ids=["all", "usual", "quick", "quick and one", "one"],
)
def test_the_choice_of_suites(options, chosen, left_out):
    from conformance.cli import chosen_suites, parser

    names = {suite.name for suite in chosen_suites(parser().parse_args(options))}
    assert chosen <= names and not left_out & names


def test_what_is_not_claimed_without_a_gil_is_skipped(tmp_path):
    from conformance.engine import Engine, Settings, Skipped
    from conformance.known import Exemptions
    from conformance.screen import open_screen
    from conformance.suites import SUITES
    from interpreters import Interpreter

    python = Interpreter("python3.13t", "3.13t", "", False, "3.13.0", tmp_path, None, ())
    with open_screen() as screen:
        engine = Engine(Settings(1, 1.0, None, False, []), Exemptions([]), screen, tmp_path)
        skipped = engine.run_suite(python, SUITES["mp_processes"], [])
    assert isinstance(skipped, Skipped) and "without a GIL" in skipped.reason
