"""An environment of tox named after a package installs and tests that package."""

from __future__ import annotations

import pytest
import tox_factors
from distributions import UsageError


def test_the_package_of_an_environment():
    assert tox_factors.distribution_of("dummy_thread-py313t").name == "hasten-dummy-thread"
    assert tox_factors.distribution_of("meta-py39").name == "hasten"


def test_what_it_runs():
    distribution = tox_factors.distribution_of("queue-py39")
    assert tox_factors.command("install", distribution, [])[-2:] == ["--install", "queue"]
    _, gate, tests, *more = tox_factors.command("test", distribution, ["-x"])
    assert gate.endswith("tools/gate.py")
    assert tests.endswith("packages/hasten-queue/tests")
    assert more == ["-x"]


@pytest.mark.parametrize("words", [["test", "nothing-py39"], ["test"], ["build", "queue-py39"]])
def test_what_it_refuses(words, capsys):
    assert tox_factors.main(words) == 2
    assert capsys.readouterr().err.startswith("tox_factors: ")


def test_an_unknown_package():
    with pytest.raises(UsageError, match="no package named nothing"):
        tox_factors.distribution_of("nothing-py313")
