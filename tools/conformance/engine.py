"""Runs suites on an interpreter: makes the environments, runs both sides, has them judged."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from flaky_tests import AGAIN, LIMIT, Forgiven
from interpreters import Interpreter, NotFound

from . import standins
from .cpython_tests import find
from .environments import Environment, create, supply_tests, unpack_wheels
from .judge import ABSENT, Loss, Verdict, compare, second_look
from .kept import Kept
from .known import Exemptions
from .process import EXIT, Job, ModuleRun, Outcome, run_module, stopping
from .screen import Screen
from .suites import WITNESSES, Suite

ALONE_AT_MOST = 25  # more lost tests than this are no accident: none is run again


@dataclass(frozen=True)
class Skipped:
    suite: str
    python: str
    reason: str

    def __str__(self) -> str:
        return f"{self.suite} py{self.python}: skipped, {self.reason}"


@dataclass
class Settings:
    jobs: int
    limit: float
    wheels: Path | None
    calibrate: bool
    match: list[str]
    keep: Path | None = None  # the folder of the standard library's results


class Engine:
    def __init__(self, settings: Settings, known: Exemptions, screen: Screen, workspace: Path):
        self.settings, self.known, self.screen, self.workspace = settings, known, screen, workspace
        self.slots = threading.Semaphore(settings.jobs)
        self.kept = Kept(settings.keep) if settings.keep is not None else None
        self.forgiven = Forgiven()

    def run(self, pythons: list[Interpreter], suites: list[Suite]) -> tuple[list[Verdict], list[Skipped]]:
        """Run every suite on every interpreter; the processes of all share the slots."""
        tasks = [(python, suite) for python in pythons for suite in suites]
        homes = {python: self.hasten_homes(python, suites) for python in pythons}
        # More threads than slots: a suite that waits for its last module must not hold up the next.
        with ThreadPoolExecutor(max_workers=self.settings.jobs + 1) as pool:
            try:
                results = list(pool.map(lambda task: self.run_suite(task[0], task[1], homes[task[0]]), tasks))
            except BaseException:
                stopping.set()
                pool.shutdown(cancel_futures=True)
                raise
        verdicts = [result for result in results if isinstance(result, Verdict)]
        return verdicts, [result for result in results if isinstance(result, Skipped)]

    def hasten_homes(self, python: Interpreter, suites: list[Suite]) -> list[str]:
        """The folders that hasten's modules are imported from on this interpreter."""
        home = self.workspace / f"home-{python.label}-{abs(hash(python.command))}"
        if self.settings.calibrate:
            for suite in suites:
                lib = find(f"python{suite.tests_from}").lib if suite.tests_from else python.lib
                standins.make(home, lib, suite.needs | suite.also, WITNESSES)
            return [str(home)]
        if self.settings.wheels is not None:
            unpack_wheels(self.settings.wheels, python, home)
            return [str(home)]
        return list(python.homes)

    def run_suite(self, python: Interpreter, suite: Suite, homes: list[str]) -> Verdict | Skipped:
        began = time.monotonic()
        try:
            sides = self.prepare(python, suite, homes)
        except NotFound as error:
            return self.skip(suite, python, str(error))
        if isinstance(sides, Skipped):
            return sides
        plain, ours, modules, note = sides
        verdict = Verdict(suite.name, python.label, python.version, notes=[note] if note else [])
        wrong = ours.not_redirected()
        if wrong:
            verdict.refused = f"NOT REDIRECTED: {wrong.splitlines()[-1]}"
            verdict.notes.append(wrong)
        else:
            self.run_both(verdict, suite, plain, ours, modules)
        if stopping.is_set():  # processes were cut: there is nothing to say of their tests
            return Skipped(suite.name, python.label, "interrupted")
        verdict.seconds = round(time.monotonic() - began, 1)
        self.screen.verdict(verdict)
        return verdict

    def skip(self, suite: Suite, python: Interpreter, reason: str) -> Skipped:
        skipped = Skipped(suite.name, python.label, reason)
        self.screen.line(str(skipped))
        return skipped

    def prepare(self, python: Interpreter, suite: Suite, homes: list[str]):
        """Both environments, the test modules and a note about them; or why there is nothing to run."""
        if suite.needs_gil and python.free_threaded:
            return self.skip(suite, python, "not claimed for builds without a GIL")
        folder = self.workspace / f"{suite.name}-{python.label}-{abs(hash(python.command))}"
        baseline = find(f"python{suite.tests_from}") if suite.tests_from else python
        bare = create(folder / "bare", python, homes, {})
        wanted = suite.needs | suite.also
        there = bare.installed(sorted(wanted.values()))
        missing = sorted(set(suite.needs.values()) - there)
        if missing:
            return self.skip(suite, python, f"{', '.join(missing)} not installed")
        names = {name: target for name, target in wanted.items() if target in there}
        ours = create(folder / "hasten", python, homes, names)
        plain = create(folder / "stdlib", baseline, homes, {}) if baseline != python else bare
        modules, note = supply_tests(python, suite, [plain, ours])
        if not modules:
            return self.skip(suite, python, note)
        return plain, ours, modules, note

    def run_both(
        self, verdict: Verdict, suite: Suite, plain: Environment, ours: Environment, modules: list[str]
    ) -> None:
        with ThreadPoolExecutor(max_workers=self.settings.jobs) as pool:
            runs = {
                (side.site, module): pool.submit(
                    self.run_one, suite, verdict.python, ours.names, side, module
                )
                for module in modules
                for side in (plain, ours)
            }
            stdlib = [runs[plain.site, module].result() for module in modules]
            mine = [runs[ours.site, module].result() for module in modules]
            compare(verdict, stdlib, mine, self.known)
            if verdict.lost and not verdict.refused:
                self.look_again(verdict, suite, plain, ours, stdlib, pool)
                self.forgive(verdict)

    def run_one(
        self,
        suite: Suite,
        tag: str,
        names: dict[str, str],
        side: Environment,
        module: str,
        only: list[str] | None = None,
    ) -> ModuleRun:
        """Run one test module on one side, when a slot is free."""
        job = Job(
            module=module,
            names=names,
            witnesses={name: WITNESSES[name] for name in names},
            redirected=bool(side.names),
            limit=self.settings.limit,
            match=tuple(self.settings.match),
            besides=suite.besides,
            apart=self.known.patterns(suite.name, tag),
            part=suite.part,
        )
        label = f"{suite.name} py{tag} {'hasten' if side.names else 'stdlib'} {module.partition('.')[2]}"
        file = self.kept.file(side, job) if self.kept and not side.names and only is None else None
        there = self.kept.take(file) if self.kept and file else None
        if there is not None:
            self.screen.line(f"  {label}: {len(there.planned)} tests, kept from an earlier run")
            return there
        with self.slots, self.screen.follow(label + (" again" if only else "")) as progress:
            run = run_module(side, job, progress, only)
        if self.kept and file and not stopping.is_set():
            self.kept.keep(file, run)
        return run

    def forgive(self, verdict: Verdict) -> None:
        """Put the flaky tests on the gate's list; those for which there is no room on it are lost."""
        flaky, verdict.flaky = verdict.flaky, []
        for loss in flaky:
            if self.forgiven.add(f"conformance-py{verdict.python}", loss.id):
                verdict.flaky.append(loss)
            else:
                text = f"(passes when run again, but more than {LIMIT} tests are flaky)\n{loss.text}"
                verdict.lost.append(Loss(loss.id, loss.status, text))

    def look_again(
        self,
        verdict: Verdict,
        suite: Suite,
        plain: Environment,
        ours: Environment,
        stdlib: list[ModuleRun],
        pool: ThreadPoolExecutor,
    ) -> None:
        """Run each lost test again on both sides: one failure may be chance, two are not.

        First alone, twice with hasten. What passes alone may still fail whenever certain tests have run
        before it, so the module is run again up to there, and only what passes that as well is called flaky.
        """
        again = [loss for loss in verdict.lost if not loss.id.endswith(EXIT)]
        if len(again) > ALONE_AT_MOST:
            verdict.notes.append(f"{len(again)} tests lost: none was run again")
            return
        verdict.lost = [loss for loss in verdict.lost if loss.id.endswith(EXIT)]
        home = {test: run for run in stdlib for test in run.outcomes}

        def once_more(loss: Loss, side: Environment) -> Outcome:
            module = home[loss.id].module
            run = self.run_one(suite, verdict.python, ours.names, side, module, [loss.id])
            return run.outcomes.get(loss.id, ABSENT)

        def alone(loss: Loss) -> Outcome:
            """The first outcome that is not good, or a good one."""
            outcome = ABSENT
            for _ in range(AGAIN):
                outcome = once_more(loss, ours)
                if not outcome.good:
                    break
            return outcome

        def in_company(module: ModuleRun, losses: list[Loss]) -> dict[str, Outcome]:
            last = max(module.planned.index(loss.id) for loss in losses)
            before = module.planned[: last + 1]
            run = self.run_one(suite, verdict.python, ours.names, ours, module.module, before)
            return {loss.id: run.outcomes.get(loss.id, ABSENT) for loss in losses}

        tried = [(loss, pool.submit(once_more, loss, plain), pool.submit(alone, loss)) for loss in again]
        answers = {loss.id: (before.result(), now.result()) for loss, before, now in tried}
        passed = [loss for loss in again if answers[loss.id][1].good]
        company: dict[str, Outcome] = {}
        for module in stdlib:
            losses = [loss for loss in passed if home[loss.id] is module]
            company.update(in_company(module, losses) if losses else {})
        for loss in again:
            second_look(verdict, loss, *answers[loss.id], company.get(loss.id))
