"""The stress of pools of processes: their workers are killed at random moments, and every call is answered.

Under on_crash="retry" each future ends once, and with the right result, whatever its worker was at: waiting,
taking the call, making it, or writing a large result.  When a pool is shut down no process of it is left, no
descriptor, and no name in /dev/shm.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from functools import partial
from typing import Any, Callable

from bench.cases import expect

from stress.faults import Hang, Leak, expect_end, expect_nothing
from stress.stressing import Game

METHODS = ("fork", "fork", "fork", "forkserver")
PATIENCE = 30.0  # seconds
KILLS = 50  # in a round
EARLY = 3
SHM = "/dev/shm"
NAMES = (
    "sem.mp-",
    "psm_",
    "pym-",
    "hasten",
)  # of multiprocessing and of ours


def stress(module: Any) -> dict[str, Game]:
    """The one game: processes, descriptors and names are counted, so nothing else may make any."""
    return {"killed workers": partial(killed, module, Traces())}


def worked(number: int, data: bytes, seconds: float) -> tuple[int, bytes]:
    """What the calls do."""
    if seconds:
        time.sleep(seconds)
    return number * number, data[::-1]


def is_gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def until(condition: Callable[[], bool], words: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        expect_end(time.monotonic() < end, words)
        time.sleep(0.005)


def is_mapped(name: str) -> bool:
    """Whether any process has that name of /dev/shm in its memory: then it is not left over."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/maps") as file:
                if f"{SHM}/{name}" in file.read():
                    return True
        except OSError:
            pass
    return False


class Traces:
    """What rounds may leave: as many descriptors as the first one has left, and no names."""

    def __init__(self) -> None:
        self.names = self.now()
        self.descriptors = 0

    @staticmethod
    def now() -> set[str]:
        return {name for name in os.listdir(SHM) if name.startswith(NAMES)}

    def check(self, pids: set[int]) -> None:
        self.descriptors = self.descriptors or len(os.listdir("/proc/self/fd"))
        try:
            until(lambda: all(map(is_gone, pids)), "processes are left")
            until(
                lambda: len(os.listdir("/proc/self/fd")) <= self.descriptors,
                f"more descriptors than the {self.descriptors} after the first round",
            )
        except Hang as error:
            raise Leak(str(error)) from None
        left = {name for name in self.now() - self.names if not is_mapped(name)} & self.now()
        expect_nothing(left, f"left in {SHM}")


def kill(pool: Any, worker: Any, early: list[int]) -> bool:
    """Kill a worker; whether it was there.

    early: those that were killed in a row before they were ready.  A pool gives up at some number of these,
    as it has to if workers die by themselves: so after EARLY of them one is let get ready first.
    """
    ready = pool._engine._is_ready
    if len(early) >= EARLY:
        until(
            lambda: any(map(ready, pool._processes.values())) or not pool._processes, "no worker gets ready"
        )
        early.clear()
    if is_gone(worker.pid):
        return False
    if not ready(worker):
        early.append(worker.pid)
    os.kill(worker.pid, signal.SIGKILL)
    return True


def killed(module: Any, traces: Traces, dice: random.Random) -> int:
    """A round; the number of kills."""
    if not traces.descriptors:  # the fork server and the like stay
        for method in set(METHODS):
            with module.ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
                pool.submit(worked, 1, b"", 0).result()
        traces.check(set())
    context = multiprocessing.get_context(dice.choice(METHODS))
    idle_timeout = dice.choice([None, 0.01])
    pool = module.ProcessPoolExecutor(
        3, context, on_crash="retry", max_retries=10_000, idle_timeout=idle_timeout
    )
    pids: set[int] = set()
    ended: list[Any] = []
    futures: list[Any] = []
    early: list[int] = []
    done = 0
    while done < KILLS:
        for _ in range(dice.randrange(30)):
            number = len(futures)
            data = bytes([number % 256]) * dice.choice([0, 10, 10, 10, 3000, 200_000])
            future = pool.submit(worked, number, data, dice.choice([0, 0, 0, 0.001]))
            future.add_done_callback(ended.append)
            futures.append((future, number * number, data))
        time.sleep(dice.random() * 0.01)
        alive = list(pool._processes.values())
        pids.update(process.pid for process in alive)
        if alive:
            done += kill(pool, dice.choice(alive), early)
    for future, number, data in futures:
        expect(future.result(PATIENCE) == (number, data), "a result is wrong")
    pids.update(pool._processes)
    del alive  # each has a descriptor
    pool.shutdown()
    expect(len(ended) == len(futures) == len(set(map(id, ended))), "futures have not ended once each")
    traces.check(pids)
    return KILLS
