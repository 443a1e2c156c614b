"""What a gate leaves out on an interpreter that tests a chosen set, and what never."""

from __future__ import annotations

import chosen_tests
import interpreters
import pytest

BOTH = """
import pytest

@pytest.fixture(params=["stdlib", "hasten"])
def impl(request):
    return request.param

@pytest.mark.parametrize("number", [1, 2])
def test_both(impl, number):
    pass

def test_stdlib_in_its_name():
    pass
"""


@pytest.fixture
def of_a_package(suite, monkeypatch):
    folder = suite.folder / "packages" / "hasten-one" / "tests"
    folder.mkdir(parents=True)
    (folder / "test_both.py").write_text(BOTH)
    (folder / "test_queue_kills.py").write_text("def test_for_a_minute(): pass\n")
    (suite.folder / "test_tool.py").write_text(BOTH)

    def run(told: str):
        inherited = suite.environment
        monkeypatch.setattr(suite, "environment", lambda name="py": {**inherited(name), "HASTEN_TESTS": told})
        return suite.run()

    return run


def test_the_standard_librarys_side_and_long_kills_are_left_out(of_a_package):
    result = of_a_package("chosen")
    assert result.status == 0
    assert result.closing == "8 passed, 3 deselected"


def test_all_of_them(of_a_package):
    result = of_a_package("full")
    assert result.status == 0
    assert result.closing == "11 passed"


def test_without_a_gil_the_standard_librarys_side_is_left_out(monkeypatch):
    monkeypatch.delenv("HASTEN_TESTS", raising=False)
    monkeypatch.setattr(interpreters, "own_label", lambda: "3.13t")
    (chosen,) = chosen_tests.plugins()
    assert chosen.kinds == (chosen_tests.is_oracle,)
    monkeypatch.setenv("HASTEN_TESTS", "full")
    assert not chosen_tests.plugins()


@pytest.mark.parametrize(
    ("label", "there", "everything"),
    [
        ("3.9", ["3.9", "3.11"], True),
        ("3.13t", ["3.11", "3.13t"], True),
        ("3.11", ["3.9", "3.11", "3.15"], False),
        ("3.11", ["3.11", "3.12", "3.14"], True),  # none of those that test everything: the ends do
        ("3.12", ["3.11", "3.12", "3.14"], False),
        ("3.14", ["3.11", "3.12", "3.14"], True),
    ],
)
def test_where_everything_is_tested(monkeypatch, label, there, everything):
    monkeypatch.delenv("HASTEN_TESTS", raising=False)
    monkeypatch.delenv("CI_PYTHONS", raising=False)
    monkeypatch.setattr(interpreters, "runs", lambda other: other in there)
    assert interpreters.tests_everything(label) is everything


def test_a_word_that_means_nothing(monkeypatch):
    monkeypatch.setenv("HASTEN_TESTS", "half")
    with pytest.raises(interpreters.NotFound, match="'half' is none of full, chosen"):
        interpreters.tests_everything("3.9")
