"""The command line: what there is to do, in which order, until the time is over; then the table."""

from __future__ import annotations

import argparse
import fnmatch
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.suites import names as suite_names
from stress.faults import HANG, LEAK

from chaos import selection
from chaos.jobs import CRASHES, HASTEN, POOLS, SIDES, STDLIB, Crash, Fault, FaultTests, Game, Job
from chaos.names import Names, own_shm_is_allowed
from chaos.table import Findings, table

HERE = Path(__file__).resolve().parent
PLAYER = HERE / "player.py"
WEIGHTS = {Game: 1.0, Crash: 0.5, FaultTests: 3.0}  # of a job's share of the time
SHORTEST = 1.0  # seconds for a job
LONGEST = 20.0
EXAMPLES = """
examples:
  python tools/chaos --minutes 10 --seed 1
  python tools/chaos --python .nox/dev/bin/python --only 'game*Barrier*' --side hasten
  python tools/chaos --list

Each side is played by a process of its own, both at the same time; where no /dev/shm can be mounted for each
of them, one after the other.  The seed decides the order of a side's jobs, and what each of them draws.  A
fault is told with its turn: --only and the same seed come to it again.

exit status: 0 fine; 1 hasten had a hang, a loss or a leak; 2 a mistake in the call
"""


class UsageError(Exception):
    """A mistake in the call; the text is one line with the way out."""


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tools/chaos",
        description="Plays all games, crashes and tests about faults (kills, signals, exhausted resources, "
        "injected errors, forks) for some minutes, hasten's and the standard library's in turns, and counts "
        "kills, hangs, losses and leaks.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--minutes",
        type=float,
        default=10,
        metavar="N",
        help="default 10; hasten has 60 percent of it, if both take part",
    )
    add("--seed", type=int, metavar="N", help="default: another one each time, which is shown")
    add("--python", default=sys.executable, help="with hasten and tests/requirements.txt; default: this one")
    add("--only", action="append", metavar="PATTERN", help="only jobs that match (part of the name, or *?)")
    add("--once", action="store_true", help="each job once, which takes as long as it takes")
    add("--side", choices=(HASTEN, STDLIB), help="only this side")
    add("--list", action="store_true", help="show the jobs and end")
    add("--json", type=Path, metavar="FILE", help="write the figures and faults")
    add("--suite", action="append", metavar="NAME", help="these of tools/bench, or a file with a SUITE")
    add("--tests", action="append", type=Path, metavar="FOLDER", help="the tests of this folder")
    options = parser.parse_args(words)
    if not options.minutes > 0:
        parser.error(f"--minutes must be above 0, not {options.minutes:g}")
    return options


# ---- what there is to do ----


def games(python: str, suites: list[str]) -> Iterator[Job]:
    """A job for each game, and for games of threads one with all of them at once."""
    command = [python, str(PLAYER), json.dumps({"suites": suites})]
    asked = subprocess.run(command, capture_output=True, text=True)
    if asked.returncode:
        raise UsageError(f"{python} cannot play the games: {asked.stderr.strip().splitlines()[-1]}")
    for line in asked.stdout.splitlines():
        told = json.loads(line)
        name = Path(told["suite"]).stem
        for side in SIDES if not told["ours"] else (HASTEN,):
            chosen = [[game] for game in told["games"]]
            if not told["kills"] and len(chosen) > 1:
                chosen.append(told["games"])
            for some in chosen:
                label = f"game {name}: {some[0] if len(some) == 1 else 'all at once'}"
                yield Game(label, side, f"games of {name}", told["suite"], some, told["kills"])


def crashes() -> Iterator[Job]:
    for side, pools in POOLS.items():
        for pool in pools:
            for crash in CRASHES:
                yield Crash(f"crash of {pool}: {crash}", side, "crashes of pools", pool, crash)


def tests(folders: list[Path]) -> Iterator[Job]:
    for folder in folders:
        name = folder.parent.name if folder.name == "tests" else folder.name
        for kind, chosen in selection.of_folder(folder.resolve()).items():
            for side in SIDES:
                yield FaultTests(f"tests of {kind}: {name}", side, f"tests of {kind}", chosen)


def matches(name: str, patterns: list[str] | None) -> bool:
    return not patterns or any(fnmatch.fnmatch(name.lower(), f"*{each.lower()}*") for each in patterns)


def all_jobs(options: argparse.Namespace) -> list[Job]:
    """What was asked for, by the name of the suite or of the folder; if neither was, all."""
    everything = not options.suite and not options.tests
    suites = suite_names() if everything else options.suite or []
    found = list(games(options.python, suites)) if suites else []
    if everything:
        found += crashes()
    found += tests(selection.folders() if everything else options.tests or [])
    chosen = [job for job in found if matches(job.name, options.only) and options.side in (None, job.side)]
    if not chosen:
        raise UsageError("no job matches; --list shows them")
    return chosen


# ---- the order ----


def seed_of(seed: int, name: str, turn: int) -> int:
    """A job's own seed at each of its turns."""
    return random.Random(f"{seed} {name} {turn}").randrange(10**9)


class Deck:
    """A side's jobs: all of them in an order that the seed says, then all again in another one."""

    def __init__(self, jobs: list[Job], seed: int) -> None:
        self.dice = random.Random(f"{seed} {jobs[0].side}")
        self.jobs = list(jobs)
        self.turns: Counter[str] = Counter()
        self.order = self.cards()

    def cards(self) -> Iterator[Job]:
        while self.jobs:
            yield from self.dice.sample(self.jobs, len(self.jobs))

    def drop(self, job: Job) -> None:
        """It had nothing to do, and will not have."""
        self.jobs.remove(job)


# ---- playing ----


def show(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)


class Player:
    """Plays the jobs of one side until the time is over."""

    def __init__(self, options: argparse.Namespace, jobs: list[Job], seed: int) -> None:
        self.python, self.seconds, self.seed = options.python, options.minutes * 60, seed
        self.deck, self.names = Deck(jobs, seed), Names()
        self.weight = sum(WEIGHTS[type(job)] for job in jobs)
        # dropping a job of these does not drop the next one
        self.once = list(itertools.islice(self.deck.order, len(jobs))) if options.once else []
        self.findings = Findings(seed)
        self.begin = time.monotonic()

    def spent(self) -> float:
        return time.monotonic() - self.begin

    def run(self) -> None:
        try:
            for job in self.once if self.once else self.deck.order:
                self.play(job)
                if not self.once and self.spent() > self.seconds:
                    break
        except KeyboardInterrupt:
            show("\nchaos: interrupted")
        self.findings.minutes = self.spent() / 60

    def play(self, job: Job) -> None:
        turn = self.deck.turns[job.name]
        self.deck.turns[job.name] += 1
        fair = self.seconds * WEIGHTS[type(job)] / self.weight
        began = self.spent() / 60
        outcome = job.play(self.python, seed_of(self.seed, job.name, turn), min(max(fair, SHORTEST), LONGEST))
        left = self.names.left()
        if not any(fault.kind == HANG for fault in outcome.faults):  # a job that was killed puts nothing away
            outcome.faults += [Fault(LEAK, f"a name is left in /dev/shm: {name}") for name in sorted(left)]
        if not outcome.runs and not outcome.faults:
            self.deck.drop(job)
            return
        self.findings.add(job, turn, outcome)
        kinds = Counter(fault.kind for fault in outcome.faults)
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "fine"
        # in one piece: the other side writes, too
        counts = f"{outcome.runs:5} runs {outcome.kills:4} kills  {told}"
        show(f"{began:5.1f} of {self.seconds / 60:g} min  {job.side}  {job.name:64} {counts}\n", end="")
        for fault in outcome.faults:
            self.tell(job, turn, fault)

    def tell(self, job: Job, turn: int, fault: Fault) -> None:
        if job.side == HASTEN:
            show(f"FAILED {fault.kind}: {job.name}, turn {turn}, seed {self.seed}\n{fault.text}\n")


def both(words: list[str], minutes: float, seed: int, sides: list[str]) -> Findings:
    """A process for each side; Ctrl-C reaches all of them, and each tells what it has found so far."""
    found = Findings(seed)
    at_once = own_shm_is_allowed()
    with tempfile.TemporaryDirectory(prefix="hasten-chaos-") as folder:

        def started(side: str) -> subprocess.Popen[bytes]:
            report = ["--side", side, "--seed", str(seed), "--json", f"{folder}/{side}"]
            time_of_one = str(minutes if at_once else minutes / len(sides))
            command = [sys.executable, str(HERE), *words, *report, "--minutes", time_of_one]
            return subprocess.Popen(command, stdout=subprocess.DEVNULL)

        running = []
        for side in sides:
            running.append(started(side))
            if not at_once:
                wait_for(running[-1:])
        wait_for(running)
        for side in sides:
            report = Path(folder, side)
            if not report.exists():
                raise UsageError(f"the process of {side} ended without a report")
            found.merge(json.loads(report.read_text()))
    return found


def wait_for(running: list[subprocess.Popen[bytes]]) -> None:
    for process in running:
        while True:
            try:
                process.wait()
                break
            except KeyboardInterrupt:
                continue  # it has been interrupted, too


def main(words: list[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    options = arguments(words)
    seed = random.randrange(10**9) if options.seed is None else options.seed
    try:
        jobs = all_jobs(options)
        if options.list:
            print(*sorted(f"{job.side}: {job.name}" for job in jobs), sep="\n")
            return 0
        sides = [side for side in SIDES if any(job.side == side for job in jobs)]
        if options.seed is None:
            show(f"seed {seed}")
        if len(sides) > 1:
            findings = both(words, options.minutes, seed, sides)
        else:
            player = Player(options, jobs, seed)
            player.run()
            findings = player.findings
    except (UsageError, ValueError, OSError) as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 2
    print(f"{findings.minutes:.1f} minutes, seed {seed}\n")
    print(table(list(dict.fromkeys(job.group for job in jobs)), findings.figures))
    if options.json:
        options.json.write_text(json.dumps(findings.told(), indent=1) + "\n", encoding="utf-8")
    return 1 if findings.failed() else 0
