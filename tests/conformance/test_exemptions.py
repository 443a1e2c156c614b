"""Exemptions hold for what is lost; one too many fails the run."""

from __future__ import annotations

import pytest
from planting import DROPS, FAITHFUL, NOWAIT, needs_driver

pytestmark = [needs_driver, pytest.mark.timeout(120)]

EXEMPT = """
[[exempt]]
suite = "queue"
id = "*.PyQueueTest.test_nowait"
reason = "planted"
"""
SPOILS = (
    FAITHFUL.replace(
        "    pass",
        """
    spoiled = False

    def get_nowait(self):
        Queue.spoiled = True
        raise RuntimeError("spoiled")
""",
        1,
    )
    + """
class PriorityQueue(_stdlib.PriorityQueue):
    def get_nowait(self):
        assert not Queue.spoiled
        return super().get_nowait()
"""
)


def test_an_exempted_loss_does_not_fail_the_run(tool):
    tool.plant(DROPS)
    result = tool.run(*NOWAIT, "--known", tool.known(EXEMPT))
    assert result.status == 0, result.output
    assert "0 lost to the stdlib, 1 exempt" in result.suite["line"]


def test_an_exempted_test_cannot_spoil_others(tool):
    tool.plant(SPOILS)
    result = tool.run(*NOWAIT, "--known", tool.known(EXEMPT))
    assert result.status == 0, result.output
    assert "3 run, 0 lost to the stdlib, 1 exempt" in result.suite["line"]


def test_an_unexpected_pass_fails_the_run(tool):
    tool.plant(FAITHFUL)
    result = tool.run(*NOWAIT, "--known", tool.known(EXEMPT))
    assert result.status == 1
    assert result.suite["unexpected"] == ["test.test_queue.PyQueueTest.test_nowait"]
    assert "UNEXPECTED PASS test.test_queue.PyQueueTest.test_nowait" in result.output


def test_an_unreliable_test_may_pass(tool):
    tool.plant(FAITHFUL)
    result = tool.run(*NOWAIT, "--known", tool.known(EXEMPT + "may_pass = true\n"))
    assert result.status == 0, result.output


def test_a_stale_exemption_fails_the_run(tool):
    known = tool.known(EXEMPT.replace('"queue"', '"thread"').replace("PyQueueTest", "GoneTest"))
    result = tool.run("--calibrate", "--known", known, suite="thread")
    assert result.status == 1
    assert result.suite["lost"] == []
    assert result.report["stale_exemptions"] == ["thread *.GoneTest.test_nowait"]
    assert "STALE EXEMPTION thread *.GoneTest.test_nowait" in result.output


def test_versions_limit_an_exemption():
    from conformance.known import Entry, Exemptions

    entry = Entry("queue", "*.test_x", "planted", ("3.13", "3.15"))
    known = Exemptions([entry])
    assert not known.of("queue", "3.12", ["a.test_x"]) and not known.stale()
    assert not known.of("thread", "3.13", ["a.test_x"]) and not known.stale()
    assert not known.of("queue", "3.15", ["a.test_y"]) and known.stale() == [entry]
    assert known.of("queue", "3.13t", ["a.test_x"]) == {"a.test_x": entry} and not known.stale()


def test_an_exemption_of_several_suites():
    from conformance.known import Entry, Exemptions

    entry = Entry("mp_*", "*.test_x", "planted")
    known = Exemptions([entry])
    assert not known.of("shared_memory_fork", "3.13", ["a.test_x"]) and not known.patterns("queue", "3.13")
    assert known.of("mp_spawn", "3.13", ["a.test_x"]) == {"a.test_x": entry}
    assert known.patterns("mp_fork", "3.13") == ("*.test_x",)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[exempt]", "known.toml"),
        ('[[exempt]]\nsuite = "queue"\nid = "*"\n', "'reason' must be a text"),
        (EXEMPT + 'version = "3.9"\n', "unknown field 'version'"),
        (EXEMPT + 'versions = "3.9"\n', "'versions' must be a list"),
        (EXEMPT.replace('"queue"', '"queues"'), "no suite is called 'queues'"),
        (EXEMPT.replace('"queue"', '"queues*"'), "no suite is called 'queues*'"),
    ],
    ids=["not TOML", "no reason", "unknown field", "versions not a list", "unknown suite", "no such suites"],
)
def test_a_bad_entry_is_named(tool, text, complaint):
    tool.plant(FAITHFUL)
    result = tool.run("--known", tool.known(text))
    assert result.status == 2
    assert complaint in result.output and "Traceback" not in result.output


def test_the_exemptions_of_the_repository_are_well_formed():
    from conformance.cli import HERE
    from conformance.known import load

    assert all(len(entry.reason) > 20 for entry in load(HERE / "known.toml"))
