"""Test modules that an interpreter's install lacks are generated or borrowed."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import interpreters
import pytest
from conformance import environments
from conformance.suites import SUITES

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def bare(tmp_path):
    """This interpreter as if its tests had nothing but the parts shared by the multiprocessing tests."""
    real = interpreters.probe(sys.executable)
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "_test_multiprocessing.py").symlink_to(real.tests / "_test_multiprocessing.py")
    return dataclasses.replace(real, tests=tests, label="0.0")


@pytest.fixture
def env(tmp_path):
    return environments.create(tmp_path / "env", interpreters.probe(sys.executable), [], {})


def test_generated_multiprocessing_tests_load(bare, env):
    modules, note = environments.supply_tests(bare, SUITES["mp_spawn"], [env])
    assert "generated" in note
    assert [module.rpartition(".")[2] for module in modules] == [
        "test_manager",
        "test_misc",
        "test_processes",
        "test_threads",
    ]
    code = "import sys, unittest, importlib as i\nfor n in sys.argv[1:]:\n m = i.import_module(n)\n"
    code += " print(unittest.defaultTestLoader.loadTestsFromModule(m).countTestCases())"
    counts = [int(line) for line in env.ask(code, *modules).split()]
    assert all(count > 5 for count in counts)


def test_borrowed_tests_are_linked_from_another_version(bare, env, tmp_path, monkeypatch):
    giver = tmp_path / "giver"
    (giver / "test_concurrent_futures").mkdir(parents=True)
    (giver / "test_concurrent_futures" / "test_one.py").write_text("from .util import NUMBER\n")
    (giver / "test_concurrent_futures" / "util.py").write_text("NUMBER = 1\n")
    other = dataclasses.replace(bare, tests=giver, version="9.9.9")
    monkeypatch.setattr(environments, "donor", lambda folder, but_not: other)
    modules, note = environments.supply_tests(bare, SUITES["concurrent_futures"], [env])
    assert modules == ["conformance_generated.test_concurrent_futures.test_one"] and "9.9.9" in note
    assert env.ask(f"import {modules[0]} as m; print(m.NUMBER)") == "1"
    assert (Path(env.site) / "conformance_generated" / "test_concurrent_futures").is_symlink()


def test_a_suite_that_can_neither_be_made_nor_borrowed_says_so(bare, env):
    modules, note = environments.supply_tests(bare, SUITES["sched"], [env])
    assert modules == [] and note == "py0.0 lacks test.test_sched"
