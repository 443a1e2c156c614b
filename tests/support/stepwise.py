"""Many small steps in a child process, where one that crashes or hangs is told and the rest still runs.

A module of steps has `steps(*arguments)`, which yields (label, function); a function's result, or the error
it raises, is its outcome.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

MOST_RESTARTS = 25
MOST_OF_A_GROUP = 2
Step = tuple[str, Callable[[], object]]


def outcomes(module: str, *arguments: str, limit: float = 2.0) -> dict[str, str]:
    """label -> outcome of each step; *limit* is for one step, in seconds.

    The part of a label before ": " is its group; of one that has failed MOST_OF_A_GROUP times, no more is
    run.
    """
    found: dict[str, str] = {}
    failed: Counter[str] = Counter()
    start = 0
    for _ in range(MOST_RESTARTS):
        done = child(module, arguments, start, limit, [g for g, n in failed.items() if n == MOST_OF_A_GROUP])
        begun: tuple[int, str] | None = None
        for line in done.stdout.splitlines():
            kind, index, label, outcome = json.loads(line)
            begun = (index, label) if kind == "begin" else None
            if kind == "end":
                found[label] = outcome
        if begun is None:
            if done.returncode:
                found["(the child's end)"] = ended(done)
            return found
        found[begun[1]] = ended(done)
        failed.update(group_of(begun[1]))
        start = begun[0] + 1
    found["(the rest)"] = f"not run: {MOST_RESTARTS} steps crashed or hung"
    return found


def group_of(label: str) -> list[str]:
    group, colon, _ = label.partition(": ")
    return [group] if colon else []


def child(
    module: str, arguments: tuple[str, ...], start: int, limit: float, skipped: list[str]
) -> subprocess.CompletedProcess[str]:
    """In a session of its own: a kill() of process group 0 must not reach the test."""
    tests = str(Path(__file__).parents[1])
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        __file__,
        module,
        str(start),
        str(limit),
        ",".join(skipped),
    ]
    command += arguments
    environment = {**os.environ, "PYTHONPATH": tests, "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=environment, start_new_session=True
    )


def ended(done: subprocess.CompletedProcess[str]) -> str:
    hung = "Timeout (" in done.stderr
    frames = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return f"{'HANGS' if hung else f'CRASHES, status {done.returncode}'}: {' | '.join(frames[:4])}"


def tell(*what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def outcome_of(function: Callable[[], object]) -> str:
    try:
        return str(function())
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


def main(module: str, start: str, limit: str, skipped: str, *arguments: str) -> None:
    steps: Iterator[Step] = importlib.import_module(f"support.{module}").steps(*arguments)
    for index, (label, function) in enumerate(steps):
        if index < int(start) or set(group_of(label)) & set(skipped.split(",")):
            continue
        tell("begin", index, label, "")
        faulthandler.dump_traceback_later(float(limit), exit=True)
        outcome = outcome_of(function)
        faulthandler.cancel_dump_traceback_later()
        tell("end", index, label, outcome)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
