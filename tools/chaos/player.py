"""Runs under the measured interpreter: plays games of a suite for some seconds, and says what was found.

    python tools/chaos/player.py ORDER

ORDER is JSON: suite, side (0 the standard library, 1 hasten), games, seed, seconds.  Each line of the output
is JSON: an event `stress` with its games' rounds and operations, `failed` with kind and reason, or `left`.
An order that has `suites` in the place of games asks which games they have.  Syntax of Python 3.9.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
TOOLS = HERE.parents[1]
TESTS = HERE.parents[2] / "tests"
WARM = 0.2  # of the time; what is there then may stay: fork servers, trackers, the memory of the locks
MOST = 20  # leaks that are told
LOOK = 0.05  # seconds between two looks at the games


def say(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


def listed(suites: list[str]) -> None:
    """The games of each suite, whether hasten alone can play them, and whether they count kills."""
    from bench.suites import load_suite

    for name in suites:
        suite = load_suite(name)
        if suite.stress is not None:
            games = list(suite.stress(suite.implementations[1].load()))
            say("suite", suite=name, games=games, ours=suite.stress_of_ours, kills=suite.stress_kills)


def play(games: dict[str, Any], seconds: float, seed: int) -> None:
    """Play for so long; a fault ends this process, whose threads may be stuck."""
    from stress.stressing import end_process, run_stress

    def tell(event: str, **fields: Any) -> None:
        if event != "progress":
            say(event, **fields)

    if not run_stress(games, seconds, seed, tell):
        end_process(fine=False)


def main(order: dict[str, Any]) -> None:
    if "suites" in order:
        listed(order["suites"])
        return
    from bench.suites import load_suite
    from stress import stressing
    from support import leftovers

    stressing.LOOK = LOOK
    suite = load_suite(order["suite"])
    assert suite.stress is not None
    made = suite.stress(suite.implementations[order["side"]].load())
    games = {name: made[name] for name in order["games"]}
    play(games, order["seconds"] * WARM, order["seed"])
    before = leftovers.everything()
    play(games, order["seconds"] * (1 - WARM), order["seed"] + 1)
    left = leftovers.leftovers(before)
    say("left", what=left[:MOST] + [f"{len(left) - MOST} more"] * (len(left) > MOST))


if __name__ == "__main__":
    sys.path[:1] = [str(TOOLS), str(TESTS)]
    main(json.loads(sys.argv[1]))
