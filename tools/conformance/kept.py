"""Keeps what the standard library made of a test module, so that it need not be run each time.

An entry holds for one build of an interpreter, one test module with its text, one kernel and user, and for
what the child is told (see `key`).  Where a test failed, the run is taken only after a second one in which
the same tests failed: one failure by chance would hide for ever what hasten makes of that test.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path

from .cpython_tests import Unusable
from .environments import GENERATED, Environment
from .process import EXIT, Job, ModuleRun, Outcome

HERE = Path(__file__).resolve().parent
RUNNERS = ("child.py", "process.py", "redirect.py", "environments.py")  # what decides how a test is run
IDENTITY = """
import json, os, sys, test
print(json.dumps([sys.version, sys.base_prefix, os.path.dirname(test.__file__)]))
"""


def bad_ones(run: ModuleRun) -> list[str]:
    bad = [test for test, outcome in run.outcomes.items() if not outcome.good]
    return sorted(test for test in bad if run.outcomes[test].status != "skipped")


def complete(run: ModuleRun) -> bool:
    """Has every test an outcome, and did the process come to a good end?"""
    end = run.outcomes.get(f"{run.module}.{EXIT}")
    reached = all(test in run.outcomes for test in run.planned)
    return bool(run.planned) and reached and end is not None and end.good and not run.not_redirected


class Kept:
    """A folder of results, a file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.identities: dict[str, list[object]] = {}
        self.lock = threading.Lock()

    def identity(self, side: Environment) -> list[object]:
        real = os.path.realpath(side.python)
        with self.lock:
            if real not in self.identities:
                facts = os.stat(real)
                told = json.loads(side.ask(IDENTITY))
                self.identities[real] = [real, facts.st_size, facts.st_mtime_ns, *told]
            return self.identities[real]

    def key(self, side: Environment, job: Job) -> str:
        identity = self.identity(side)
        package, *parts = job.module.split(".")
        home = side.site / GENERATED if package == GENERATED else Path(str(identity[-1]))
        texts = [home.joinpath(*parts).with_suffix(".py"), *(HERE / name for name in RUNNERS)]
        digests = [hashlib.sha256(text.read_bytes()).hexdigest() for text in texts]
        machine = [os.uname().release, os.getuid(), len(os.sched_getaffinity(0))]
        facts = [identity, digests, machine, asdict(job)]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def file(self, side: Environment, job: Job) -> Path | None:
        """Where the result is kept; None when the interpreter or the test can't be told apart from others."""
        try:
            return self.folder / f"{job.module}-{self.key(side, job)[:24]}.json"
        except (OSError, Unusable, ValueError):
            return None

    def read(self, file: Path) -> tuple[ModuleRun, bool] | None:
        """The run kept, and whether it may be taken in place of a new one."""
        try:
            entry = json.loads(file.read_text(encoding="utf-8"))
            run = ModuleRun(**entry["run"])
            run.outcomes = {test: Outcome(**outcome) for test, outcome in entry["run"]["outcomes"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # there is none, or a file that was spoilt
        return run, bool(entry["sure"])

    def take(self, file: Path) -> ModuleRun | None:
        found = self.read(file)
        return found[0] if found and found[1] else None

    def keep(self, file: Path, run: ModuleRun) -> None:
        if not complete(run):
            return
        before = self.read(file)
        sure = not bad_ones(run) or (before is not None and bad_ones(before[0]) == bad_ones(run))
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False, encoding="utf-8") as arriving:
            json.dump({"sure": sure, "run": asdict(run)}, arriving)
        os.replace(arriving.name, file)
