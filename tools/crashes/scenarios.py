"""What is done to a pool, and what becomes of its tasks.

`python -m crashes.scenarios CONTENDER SCENARIO FOLDER SEED KILLS` leaves JSON in FOLDER/outcome:

    right, failed, unended   how many of the tasks returned what they should, raised, or did neither in time
    wrong                    how many returned something else
    told, usable             seconds from the crash until its task had failed, and until a new task had run
    kills                    how many workers were killed under load
    error                    the words of the first failure

Runs under the measured interpreter: syntax of Python 3.9.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from typing import Any, Callable

from crashes.contenders import CONTENDERS, Contender, NoEnd

PATIENCE = 5.0  # seconds without any news after which a task counts as one that does not end
TASKS = 60
TASKS_FOR_A_KILL = 20


def square(number: int, seconds: float = 0.005) -> int:
    time.sleep(seconds)
    return number * number


def die(path: str) -> None:
    """Leave the time in the file, and be killed."""
    with open(path, "w") as file:
        file.write(repr(time.time()))
    os.kill(os.getpid(), signal.SIGKILL)


def leave(path: str) -> None:
    """Leave the time in the file, and end the process."""
    with open(path, "w") as file:
        file.write(repr(time.time()))
    os._exit(3)


class Tally:
    """What has become of the tasks."""

    def __init__(self) -> None:
        self.right = self.wrong = self.failed = self.unended = 0
        self.error: str | None = None

    def add_all(self, pool: Contender, handles: list[Any]) -> None:
        """Wait for the tasks.  One that is made again may come last: what has no end at first is asked again,
        and costs PATIENCE once.
        """
        for _ in range(2):
            seconds, left = PATIENCE, []
            for handle, expected in handles:
                if not self.add(pool, handle, expected, seconds):
                    left.append((handle, expected))
                    seconds = 0.05
            handles = left
        self.unended += len(handles)

    def add(self, pool: Contender, handle: Any, expected: Any, seconds: float) -> bool:
        """Wait for a task; False if it does not end."""
        try:
            value = pool.result(handle, seconds)
        except NoEnd:
            return False
        except BaseException as error:
            self.failed += 1
            self.error = self.error or f"{type(error).__name__}: {error}".splitlines()[0]
        else:
            self.right += value == expected
            self.wrong += value != expected
        return True


Outcome = tuple  # of a Tally and the rest as a dict; tuple[Tally, dict] is no run-time expression on 3.9


def submit_all(pool: Contender, tally: Tally, numbers: range) -> list[Any]:
    """Handles; a pool that takes no more tasks has lost them."""
    handles = []
    for number in numbers:
        try:
            handles.append((pool.submit(square, number), number * number))
        except Exception as error:
            tally.failed += 1
            tally.error = tally.error or f"{type(error).__name__}: {error}".splitlines()[0]
    return handles


def usable_at(pool: Contender) -> float | None:
    """When a task has run that was submitted now, in a new pool if this one is broken."""
    end = time.time() + 2 * PATIENCE
    while time.time() < end:
        try:
            if pool.result(pool.submit(square, 3), PATIENCE) == 9:
                return time.time()
        except NoEnd:
            pass
        except Exception:
            pool.renew()
    return None


def crash(pool: Contender, how: Callable[[str], None], path: str) -> Outcome:
    """One of TASKS tasks ends its worker."""
    tally, told, usable = Tally(), None, None
    before = submit_all(pool, tally, range(TASKS // 2))
    fatal = pool.submit(how, path)
    after = submit_all(pool, tally, range(TASKS // 2, TASKS - 1))
    try:
        pool.result(fatal, PATIENCE)
    except NoEnd:
        tally.unended += 1
    except BaseException as error:
        told = time.time()
        tally.failed += 1
        tally.error = f"{type(error).__name__}: {error}".splitlines()[0]
    with open(path) as file:
        begin = float(file.read())
    if told is not None:
        usable = usable_at(pool)
    tally.add_all(pool, before + after)
    return tally, {"told": told and told - begin, "usable": usable and usable - begin}


def killed_in_task(pool: Contender, path: str, seed: int, kills: int) -> Outcome:
    return crash(pool, die, path)


def exits_in_task(pool: Contender, path: str, seed: int, kills: int) -> Outcome:
    return crash(pool, leave, path)


def killed_while_idle(pool: Contender, path: str, seed: int, kills: int) -> Outcome:
    """A worker that has nothing to do is killed; then TASKS tasks come."""
    tally = Tally()
    for handle in [pool.submit(square, number) for number in range(4)]:
        pool.result(handle, PATIENCE)
    begin = time.time()
    os.kill(pool.workers()[0], signal.SIGKILL)
    tally.add_all(pool, submit_all(pool, tally, range(TASKS)))
    usable = usable_at(pool) if tally.failed or tally.unended else None
    return tally, {"usable": usable and usable - begin}


def kills_under_load(pool: Contender, path: str, seed: int, kills: int) -> Outcome:
    """A worker is killed at a random moment, again and again, while tasks run."""
    tally, chance, over = Tally(), random.Random(seed), threading.Event()
    killed = 0

    def killer() -> None:
        nonlocal killed
        while killed < kills and not over.wait(chance.uniform(0.01, 0.06)):
            try:
                os.kill(chance.choice(pool.workers()), signal.SIGKILL)
                killed += 1
            except (IndexError, ProcessLookupError, TypeError):
                pass  # a pool that is broken has no workers

    for handle in [pool.submit(square, number) for number in range(4)]:
        pool.result(handle, PATIENCE)
    thread = threading.Thread(target=killer)
    thread.start()
    tally.add_all(pool, submit_all(pool, tally, range(kills * TASKS_FOR_A_KILL)))
    over.set()
    thread.join()
    return tally, {"kills": killed}


SCENARIOS = {
    "killed in a task": killed_in_task,
    "exits in a task": exits_in_task,
    "killed while idle": killed_while_idle,
    "kills under load": kills_under_load,
}


def main(name: str, scenario: str, folder: str, seed: str, kills: str) -> None:
    pool = CONTENDERS[name]()
    tally, times = SCENARIOS[scenario](pool, os.path.join(folder, "when"), int(seed), int(kills))
    with open(os.path.join(folder, "outcome"), "w") as file:
        json.dump({"told": None, "usable": None, **vars(tally), **times}, file)
    os._exit(0)  # some of the pools would wait for ever now


if __name__ == "__main__":
    main(*sys.argv[1:])
