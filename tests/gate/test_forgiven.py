"""Which failures the gate forgives, where it says so, and how many."""

from __future__ import annotations

from distributions import ROOT

PASSES = "def test_passes():\n    pass\n"
ONCE = "def test_once():\n    assert calls('once') != 1, 'as it failed'\n"


def flaky_ones(count: int) -> str:
    return "".join(
        f"def test_flaky_{n}():\n    assert calls('flaky_{n}') != 1\n" for n in range(1, count + 1)
    )


def test_a_test_that_fails_once_is_listed_and_forgiven(suite):
    suite.add("a", PASSES + ONCE)
    result = suite.run()
    assert result.status == 0, result.output
    assert result.closing == "1 passed, 1 flaky"
    assert result.flaky == ["py test_a.py::test_once"]
    assert "as it failed" in result.output
    assert suite.calls("once") == 3
    assert (suite.gate / "flaky").read_text() == "FLAKY py test_a.py::test_once\n"


def test_a_test_that_fails_every_third_time_is_forgiven_when_the_next_two_pass(suite):
    suite.add("a", "def test_third():\n    assert (calls() + 2) % 3\n")
    result = suite.run()
    assert (result.status, result.closing) == (0, "1 flaky")
    assert suite.calls() == 3


def test_a_test_that_fails_every_second_time_fails(suite):
    suite.add("a", PASSES + "def test_second():\n    assert calls() % 2 == 0\n")
    result = suite.run()
    assert (result.status, result.closing, result.flaky) == (1, "1 failed, 1 passed", [])
    assert "gate: failed again (2 of 2): test_a.py::test_second" in result.output
    assert suite.calls() == 3


def test_a_test_that_always_fails_fails(suite):
    suite.add("a", PASSES + "def test_never():\n    assert not calls(), 'again and again'\n")
    result = suite.run()
    assert (result.status, result.closing, result.flaky) == (1, "1 failed, 1 passed", [])
    assert "gate: failed again (1 of 2): test_a.py::test_never" in result.output
    assert suite.calls() == 2


def test_a_flaky_test_beside_one_that_always_fails(suite):
    suite.add("a", PASSES + ONCE + "def test_never():\n    assert False\n")
    result = suite.run()
    assert (result.status, result.closing) == (1, "1 failed, 1 passed, 1 flaky")
    assert result.flaky == ["py test_a.py::test_once"]


def test_the_fourth_fails_and_is_listed_too(suite):
    suite.add("a", PASSES + flaky_ones(4))
    result = suite.run()
    assert (result.status, result.closing) == (1, "1 failed, 1 passed, 3 flaky")
    assert len(result.flaky) == 4
    assert "gate: more than 3 flaky tests in this gate: FAILED" in result.output


def test_the_limit_is_that_of_all_environments_together(suite):
    suite.add("a", flaky_ones(2))
    assert suite.run(environment="py39").status == 0
    for counter in suite.folder.glob("*.calls"):
        counter.unlink()
    result = suite.run(environment="py315")
    assert (result.status, result.closing) == (1, "1 failed, 1 flaky")
    assert [line.split()[1] for line in (suite.gate / "flaky").read_text().splitlines()] == [
        "py39",
        "py39",
        "py315",
        "py315",
    ]


def test_parameters_are_run_again_one_by_one(suite):
    suite.add(
        "a",
        "import pytest\n"
        "@pytest.mark.parametrize('what', ['a//b', 'c::d [e]', 'ü'])\n"
        "def test_what(what):\n"
        "    assert calls() not in (1, 2)\n",
    )
    result = suite.run()
    assert (result.status, result.closing) == (0, "1 passed, 2 flaky"), result.output
    assert result.flaky == ["py test_a.py::test_what[a//b]", "py test_a.py::test_what[c::d [e]]"]


def test_it_runs_alone_in_a_process_of_its_own(suite):
    suite.add(
        "a",
        "STATE = []\n"
        "def test_first():\n    STATE.append(calls('first'))\n"
        "def test_second():\n    assert not STATE, 'the first was here'\n",
    )
    result = suite.run()
    assert (result.status, result.flaky) == (0, ["py test_a.py::test_second"])
    assert suite.calls("first") == 1


def test_a_skip_is_no_pass(suite):
    suite.add(
        "a",
        "import pytest\n"
        "def test_skips():\n"
        "    if calls() > 1:\n        pytest.skip('not today')\n"
        "    assert False\n",
    )
    result = suite.run()
    assert (result.status, result.closing, result.flaky) == (1, "1 failed", [])


def test_options_that_choose_tests_or_say_how_they_run_still_do(suite):
    suite.add("a", PASSES + ONCE + "def test_never():\n    assert False\n")
    result = suite.run("-k", "once or passes", "-o", "console_output_style=classic", "-p", "no:randomly")
    assert (result.status, result.closing) == (0, "1 passed, 1 deselected, 1 flaky")
    assert suite.run("-k", "no_such").status == 5


def test_the_failed_ones_are_in_the_cache_for_lf(suite):
    suite.add("a", PASSES + ONCE)
    suite.run()
    assert suite.run("--lf").closing == "1 passed"


def test_many_failures_are_no_accident(suite):
    suite.add("a", flaky_ones(11))
    result = suite.run()
    assert (result.status, result.closing, result.flaky) == (1, "11 failed", [])
    assert "gate: 11 tests failed: none was run again" in result.output
    assert suite.calls("flaky_1") == 1


def test_tox_runs_all_its_tests_through_it():
    lines = (ROOT / "tox.ini").read_text().splitlines()
    assert [line for line in lines if line.strip().startswith("pytest") or ": pytest" in line] == []
