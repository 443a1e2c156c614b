"""Compares what hasten did with what the standard library did: what the one passes, the other must pass."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from .known import Exemptions
from .process import EXIT, ModuleRun, Outcome

ABSENT = Outcome("not run", "the test was not found or not reached")


@dataclass
class Loss:
    """A test that the standard library passes and hasten does not."""

    id: str
    status: str
    text: str


@dataclass
class Verdict:
    """What became of one suite on one interpreter."""

    suite: str
    python: str  # "3.13t"
    full: str
    run: int = 0
    passed_by_stdlib: int = 0
    passed: int = 0
    lost: list[Loss] = field(default_factory=list)
    flaky: list[Loss] = field(default_factory=list)  # passed when run again, twice alone and in company
    flaky_stdlib: list[Loss] = field(default_factory=list)  # run again alone, the standard library lost it
    exempt: list[Loss] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)  # exempted and passed
    refused: str = ""  # why the run does not count
    gil_switched_on: bool = False
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    tests: dict[str, dict] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not (self.lost or self.unexpected or self.refused or self.gil_switched_on)

    def line(self) -> str:
        where = f"{self.suite} py{self.python}:"
        if self.refused:
            return f"{where} NOT COUNTED: {self.refused}"
        line = f"{where} {self.run} run, {len(self.lost)} lost to the stdlib, {len(self.exempt)} exempt"
        for label, number in (
            ("flaky", len(self.flaky)),
            ("flaky with the stdlib too", len(self.flaky_stdlib)),
            ("UNEXPECTED PASS", len(self.unexpected)),
        ):
            line += f", {number} {label}" if number else ""
        return line + (", THE GIL IS ON" if self.gil_switched_on else "")

    def as_json(self) -> dict:
        return dict(asdict(self), ok=self.ok, line=self.line())


def gather(runs: list[ModuleRun]) -> dict[str, Outcome]:
    return {test: outcome for run in runs for test, outcome in run.outcomes.items()}


def compare(verdict: Verdict, stdlib: list[ModuleRun], ours: list[ModuleRun], known: Exemptions) -> None:
    """Fill in a verdict from the runs of all modules of a suite on both sides."""
    theirs, mine = gather(stdlib), gather(ours)
    ids = list(dict.fromkeys([*theirs, *mine]))
    exempted = known.of(verdict.suite, verdict.python, ids)
    verdict.notes += [f"stdlib: {note}" for run in stdlib for note in run.notes]
    verdict.notes += [note for run in ours for note in run.notes]
    for test in ids:
        before, now = theirs.get(test, ABSENT), mine.get(test, ABSENT)
        verdict.tests[test] = {"stdlib": before.status, "hasten": now.status, "seconds": now.seconds}
        if not test.endswith(EXIT):
            verdict.run += test in mine
            verdict.passed += now.good
            verdict.passed_by_stdlib += before.good
        entry = exempted.get(test)
        if before.good and not now.good:
            (verdict.exempt if entry else verdict.lost).append(Loss(test, now.status, now.text))
        elif entry and before.good and not entry.may_pass:
            verdict.unexpected.append(test)
    judge_conditions(verdict, stdlib, ours)


def judge_conditions(verdict: Verdict, stdlib: list[ModuleRun], ours: list[ModuleRun]) -> None:
    """Refuse a run that tested something else than it should have."""
    for run in [*stdlib, *ours]:
        if run.not_redirected:
            verdict.refused = f"NOT REDIRECTED: {run.not_redirected}"
    if not verdict.refused and not verdict.passed_by_stdlib:
        verdict.refused = "the standard library passes none of its tests here"
    verdict.gil_switched_on = any(run.gil_on for run in ours) and not any(run.gil_on for run in stdlib)


def second_look(
    verdict: Verdict, loss: Loss, stdlib: Outcome, alone: Outcome, in_company: Outcome | None
) -> None:
    """Decide on a lost test after both sides have run it again.  A crash is no accident of a test.

    `in_company` is what hasten did after the tests that ran before it the first time; asked for when
    it passed alone.
    """
    if not stdlib.good:
        verdict.flaky_stdlib.append(loss)
    elif not alone.good:
        verdict.lost.append(Loss(loss.id, alone.status, alone.text or loss.text))
    elif in_company is not None and not in_company.good:
        text = f"(passes alone, fails when the tests before it have run)\n{in_company.text or loss.text}"
        verdict.lost.append(Loss(loss.id, in_company.status, text))
    elif loss.status == "crashed":
        verdict.lost.append(Loss(loss.id, loss.status, f"(passes when run again)\n{loss.text}"))
    else:
        verdict.flaky.append(loss)
