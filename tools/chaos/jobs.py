"""What there is to do: games, crashes of pools, and tests; each runs in processes of its own with a limit."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from crashes.cli import run as run_crash
from programs.running import Run, run
from stress.faults import HANG, LEAK, LOSS

HERE = Path(__file__).resolve().parent
STDLIB, HASTEN = SIDES = ("stdlib", "hasten")
GAME_LIMIT = 200.0  # seconds beyond its time: a game's own watch is quicker, unless the interpreter is stuck
TEST_LIMIT = 240.0  # the same for tests, each of which has a limit of its own
SHOWN = 30  # lines of what was said that a fault keeps
LATE = re.compile(r"Timeout \(|TimeoutExpired")  # of pytest-timeout, faulthandler and subprocess
LEFT = re.compile(r"(the test|the session) left behind:")


@dataclass(frozen=True)
class Fault:
    kind: str  # HANG, LOSS or LEAK
    text: str


@dataclass
class Outcome:
    """runs: rounds of a game, tests, or tasks of a pool."""

    runs: int = 0
    kills: int = 0
    faults: list[Fault] = field(default_factory=list)

    def add(self, kind: str, text: str) -> None:
        self.faults.append(Fault(kind, text))


class Job(Protocol):
    """name: of the job on both sides.  group: its row of the table."""

    name: str
    side: str
    group: str

    def play(self, python: str, seed: int, seconds: float) -> Outcome: ...


def last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-SHOWN:])


def end_of(done: Run, limit: float) -> list[Fault]:
    """What is wrong with how a job's process has ended, and with what it has left running."""
    if done.status is None:
        return [Fault(HANG, f"no end in {limit:.0f} s\n{last_lines(done.err)}")]
    if LATE.search(done.err):
        return [Fault(HANG, last_lines(done.err))]
    return [Fault(LEAK, f"a process is left: {command[:200]}") for command in done.left]


def lines_of(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects among the lines."""
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:  # other processes write there, too
                continue


# ---- games ----


@dataclass
class Game:
    """Games of a suite, all at the same time.  counts_kills: what they count are kills."""

    name: str
    side: str
    group: str
    suite: str
    games: list[str]
    counts_kills: bool

    def play(self, python: str, seed: int, seconds: float) -> Outcome:
        order = {
            "suite": self.suite,
            "side": SIDES.index(self.side),
            "games": self.games,
            "seed": seed,
            "seconds": seconds,
        }
        with tempfile.TemporaryDirectory(prefix="hasten-chaos-") as folder:
            limit = seconds + GAME_LIMIT
            command = [python, str(HERE / "player.py"), json.dumps(order)]
            return self.outcome(run(command, limit, Path(folder)), limit)

    def outcome(self, done: Run, limit: float) -> Outcome:
        result = Outcome()
        for event in lines_of(done.out):
            for rounds, operations in event.get("games", {}).values():
                result.runs += rounds
                result.kills += operations if self.counts_kills else 0
            if event["event"] == "failed":
                result.add(event["kind"], f"{event['reason']}\n{last_lines(done.err)}")
            elif event["event"] == "left":
                for what in event["what"]:
                    result.add(LEAK, what)
        if not result.faults:
            result.faults += end_of(done, limit)
        if (done.status or not result.runs) and not result.faults:
            how = f"the process ended with status {done.status} after {result.runs} rounds"
            result.add(LOSS, f"{how}\n{last_lines(done.err)}")
        return result


# ---- crashes of pools ----

POOLS = {
    HASTEN: ("hasten Pool", "hasten, on_crash=fail-task", "hasten, on_crash=retry"),
    STDLIB: ("stdlib Pool", "stdlib ProcessPoolExecutor"),
}
CRASHES = ("killed in a task", "exits in a task", "killed while idle", "kills under load")
MOST_KILLS = 40  # under load; each takes some 35 ms


@dataclass
class Crash:
    """Workers of a pool are killed: tasks without an end hang; a task fails only with its own worker."""

    name: str
    side: str
    group: str
    pool: str
    crash: str

    def play(self, python: str, seed: int, seconds: float) -> Outcome:
        kills = min(MOST_KILLS, int(seconds * 10) + 1)
        return self.outcome(run_crash(python, self.pool, self.crash, seed, kills))

    def may_fail(self, found: dict[str, Any]) -> int:
        """How many tasks fail if each killed worker costs no more than its own one."""
        if self.crash.endswith("in a task"):
            return 1
        return 0 if self.pool.endswith("retry") else int(found.get("kills", 0))

    def outcome(self, found: dict[str, Any]) -> Outcome:
        result = Outcome()
        if "missing" in found:
            late = found["missing"].startswith("no end")
            result.add(HANG if late else LOSS, found["missing"])
            return result
        result.kills = found.get("kills", 0 if self.crash.startswith("exits") else 1)
        result.runs = found["right"] + found["failed"] + found["wrong"] + found["unended"]
        if found["unended"]:
            result.add(HANG, f"{found['unended']} tasks never end")
        more = found["failed"] - self.may_fail(found)
        if more > 0:
            result.add(LOSS, f"{more} tasks failed that no killed worker had: {found['error']}")
        if found["wrong"]:
            result.add(LOSS, f"{found['wrong']} results are wrong")
        return result


# ---- tests ----


def kind_of_failure(text: str) -> str:
    if LEFT.search(text):
        return LEAK
    return HANG if LATE.search(text) else LOSS


@dataclass
class FaultTests:
    """Tests of one kind of a distribution, in an order of the seed's, as many as the time allows."""

    name: str
    side: str
    group: str
    tests: list[str]

    def play(self, python: str, seed: int, seconds: float) -> Outcome:
        limit = seconds + TEST_LIMIT
        with tempfile.TemporaryDirectory(prefix="hasten-chaos-") as folder:
            report = Path(folder, "report")
            order = {
                "tests": self.tests,
                "side": self.side,
                "seed": seed,
                "seconds": seconds,
                "report": str(report),
            }
            done = run([python, str(HERE / "testing.py"), json.dumps(order)], limit, Path(folder))
            lines = list(lines_of(report.read_text())) if report.exists() else []
        return self.outcome(done, lines, limit)

    def outcome(self, done: Run, lines: list[dict[str, Any]], limit: float) -> Outcome:
        result, running, ended = Outcome(), "before the first test", False
        for line in lines:
            running = line.get("started", running)
            result.runs += "started" in line
            if "test" in line:
                result.add(kind_of_failure(line["text"]), f"{line['test']}\n{last_lines(line['text'])}")
            if "kills" in line:
                result.kills, ended = line["kills"], True
        if not ended:
            late = done.status is None or LATE.search(done.err + done.out)
            how = f"the process ended with status {done.status}, {running}\n{last_lines(done.out + done.err)}"
            result.add(HANG if late else LOSS, how)
        elif not result.faults:
            result.faults += end_of(done, limit)
        return result
