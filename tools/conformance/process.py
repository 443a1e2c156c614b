"""Runs a test module in processes of its own until each of its tests has an outcome.

A process that hangs is cut by the alarm in the child (child.py), which leaves the stacks of all
threads; a process that dies takes only the test it was in. A new process goes on with the rest.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

import ending

from .environments import Environment

GOOD = ("passed", "xfailed")
TAIL = 8000
GRACE = 20  # seconds that the child's own alarm gets before the driver cuts it
POLL = 0.05
MARK = "HASTEN_CONFORMANCE_MARK"  # in the environment of what belongs to an attempt
LAST_WORDS = 2  # seconds for what a hung process left behind to write its stacks
EXIT = "(end of the process)"  # counts like a test: a module may hang or crash when its tests are over

stopping = threading.Event()  # set when the user interrupts: every process is cut


@dataclass
class Outcome:
    status: str  # passed xfailed failed error skipped | hung crashed
    text: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        return self.status in GOOD


@dataclass
class ModuleRun:
    """All that became of one test module on one side."""

    module: str
    planned: list[str] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    not_redirected: str = ""
    gil_on: bool = True


@dataclass(frozen=True)
class Job:
    """What the child is told."""

    module: str
    names: dict[str, str]
    witnesses: dict[str, str]
    redirected: bool
    limit: float
    match: tuple[str, ...]
    besides: tuple[str, ...]  # patterns of tests that are not of the suite
    apart: tuple[str, ...]  # patterns of exempted tests: what they break must not be laid at others' door
    part: tuple[str, ...] = ()  # patterns of the tests that are the suite; none: all


class Attempt:
    """One process: started, watched, read, and cleared away with all it left behind."""

    def __init__(self, env: Environment, job: Job, folder: Path, only: list[str], leave_out: list[str]):
        self.folder = folder
        self.limit = job.limit
        self.events: list[dict] = []
        self.pending = b""
        (folder / "work").mkdir()
        (folder / "temp").mkdir()
        told = dict(vars(job), only=only, leave_out=leave_out)
        told.update(results=str(folder / "results"), stacks=str(folder / "stacks"))
        (folder / "job.json").write_text(json.dumps(told))
        (folder / "results").touch()
        keep = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        self.mark = f"{MARK}={folder}"
        keep.update({MARK: str(folder), "TMPDIR": str(folder / "temp")})
        with open(folder / "output", "wb") as output:
            self.child = subprocess.Popen(
                [env.python, "-m", "_conformance_child", str(folder / "job.json")],
                cwd=folder / "work",
                env=keep,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.seen = time.monotonic()

    def watch(self, progress: Callable[[dict], None]) -> None:
        """Follow the journal until the process is gone, and end it if its own alarm does not."""
        try:
            with open(self.folder / "results", "rb") as results:
                while self.child.poll() is None:
                    self.read(results, progress)
                    if stopping.is_set() or time.monotonic() - self.seen > self.limit + GRACE:
                        self.child.kill()
                    time.sleep(POLL)
                self.read(results, progress)
        finally:
            self.clear()

    def read(self, results, progress: Callable[[dict], None]) -> None:
        *lines, self.pending = (self.pending + results.read()).split(b"\n")
        for line in lines:
            event = json.loads(line)
            self.events.append(event)
            self.seen = time.monotonic()
            progress(event)

    def clear(self) -> None:
        """Kill what the process left behind: its session, and whatever carries its mark."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        if self.child.returncode:
            # Forked children have inherited faulthandler: SIGABRT makes them add their stacks.
            ending.signal_all(self.others(), signal.SIGABRT)
            ending.wait_while(self.others, LAST_WORDS)
        ending.end_all(self.child.pid, self.mark)

    def others(self) -> list[int]:
        """What the process left behind, but for resource trackers."""
        return ending.but_trackers(ending.running(self.child.pid, self.mark))

    def ended(self) -> bool:
        return bool(self.events) and self.events[-1]["event"] == "end"

    def in_flight(self) -> str | None:
        """The test that was started and not finished."""
        current = None
        for event in self.events:
            if event["event"] == "start":
                current = event["id"]
            elif event["event"] == "done":
                current = None
        return current

    def verdict(self) -> Outcome:
        """What to say of how the process ended, and so of the test that was in flight."""
        if self.child.returncode == 0 and self.in_flight() is None:
            return Outcome("passed")
        stacks, output = tail(self.folder / "stacks"), tail(self.folder / "output")
        if "Timeout (" in stacks or self.child.returncode == -signal.SIGKILL:
            return Outcome("hung", f"no end within {self.limit:g} s\n{stacks or output}", self.limit)
        return Outcome("crashed", f"{describe(self.child.returncode)}\n{stacks}\n{output}".strip())


def tail(file: Path) -> str:
    return file.read_text(errors="replace")[-TAIL:] if file.exists() else ""


def describe(returncode: int) -> str:
    if returncode >= 0:
        return f"the process ended with status {returncode}"
    try:
        return f"the process was killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"the process was killed by signal {-returncode}"


def run_module(
    env: Environment, job: Job, progress: Callable[[dict], None], only: list[str] | None = None
) -> ModuleRun:
    """Run a module's tests (or `only` some), the exempted ones after the others in processes of their own."""
    run = run_together(env, job, progress, only)
    apart = [test for test in run.planned if test not in run.outcomes and matches(test, job.apart)]
    if apart and only is None and not stopping.is_set():
        second = run_together(env, replace(job, apart=()), progress, apart)
        run.outcomes = {**second.outcomes, **run.outcomes}
        run.notes += second.notes
    return run


def matches(test: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(test, pattern) for pattern in patterns)


def run_together(
    env: Environment, job: Job, progress: Callable[[dict], None], only: list[str] | None
) -> ModuleRun:
    """Run tests to the last one, with as many processes as it takes."""
    run = ModuleRun(job.module)
    given_up: list[str] = []
    while True:
        before = len(run.outcomes)
        with tempfile.TemporaryDirectory(prefix="hc-", ignore_cleanup_errors=True) as folder:
            attempt = Attempt(env, job, Path(folder), only or [], [*run.outcomes, *given_up])
            attempt.watch(progress)
            verdict = attempt.verdict()
        take(run, attempt, verdict)
        done = {*run.outcomes, *given_up}
        left = [test for test in run.planned if test not in done and not matches(test, job.apart)]
        if attempt.ended() or not left or stopping.is_set():
            return run
        if len(run.outcomes) == before:
            # Died or hung between tests, in a class fixture: its class can't be run.
            broken = left[0].rpartition(".")[0]
            given_up += [test for test in left if test.rpartition(".")[0] == broken]
            run.notes.append(f"{broken}: {verdict.status} outside a test")


def take(run: ModuleRun, attempt: Attempt, verdict: Outcome) -> None:
    """Add what an attempt's journal says to the run."""
    for event in attempt.events:
        kind = event["event"]
        if kind == "plan":
            run.planned = event["ids"]
        elif kind == "done":
            run.outcomes[event["id"]] = Outcome(event["status"], event["text"], event["seconds"])
        elif kind == "fixture":
            run.notes.append(f"{event['id']}: {event['status']}: {event['text'].strip()}")
        elif kind == "problem" and event["kind"] == "NOT REDIRECTED":
            run.not_redirected = event["text"]
        elif kind == "problem":
            run.notes.append(f"{run.module}: {event['kind']}: {event['text'].strip()}")
        elif kind == "end":
            run.gil_on = event["gil"]
    current = attempt.in_flight()
    if current is not None:
        run.outcomes[current] = verdict
    elif attempt.ended():
        run.outcomes[f"{run.module}.{EXIT}"] = verdict
    elif verdict.status != "passed":
        run.notes.append(f"{run.module}: {verdict.status} outside a test: {verdict.text}")
