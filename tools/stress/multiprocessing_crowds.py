"""Crowds of children that are killed at random moments, each game in a process of its own.

The process that leads a round is forked for it, so that its descriptors and children can be counted whatever
the other games do; its players are in its process group, so that nobody is left when it hangs.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import select
import signal
import time
import traceback
from functools import partial
from typing import Any, Callable

from bench.cases import WrongResult, expect
from bench.rows.multiprocessing.queues import forked

from stress.faults import HANG, LEAK, LOSS, Hang, Leak, expect_end, expect_nothing, kind_of
from stress.process_pool_kills import Traces, is_mapped

PATIENCE = 20.0  # seconds; what takes longer counts as hanging
ROUND = 45.0  # seconds; the same for a whole round, and below what the stress calls stuck
LATE = b"late"
FAULTS = {HANG: Hang, LEAK: Leak}
Play = Callable[[Any, random.Random], int]


def until(condition: Callable[[], bool], words: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        expect_end(time.monotonic() < end, words)
        time.sleep(0.0005)


def told(function: Callable[[], Any]) -> None:
    """Run it; what it raises is shown, and ends the child with status 1."""
    try:
        function()
    except BaseException:
        traceback.print_exc()
        raise


class Crowd:
    """Children, by their pids; a child that ends before it is killed is a fault."""

    def __init__(self) -> None:
        self.children: dict[int, Any] = {}
        self.kills = 0

    def start(self, function: Callable[[], Any], label: Any = None) -> int:
        pid = forked(partial(told, function))
        self.children[pid] = label
        return pid

    def kill(self, pid: int) -> Any:
        """The label that it was started with."""
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        label = self.children.pop(pid)
        expect(status == signal.SIGKILL, f"a player ended by itself, with status {status}")
        self.kills += 1
        return label

    def one(self, dice: random.Random) -> int:
        return dice.choice(list(self.children))

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *args: object) -> None:
        for pid in list(self.children):
            self.kill(pid)


def children_left() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def prefix(leader: int) -> str:
    return f"/mp-kills{leader}"


def names_of(leader: int) -> set[str]:
    """What is in /dev/shm, but for the named semaphores of other programs."""
    own = f"sem.{prefix(leader)[1:]}"
    return {name for name in Traces.now() if name.startswith(own) or not name.startswith("sem.")}


def lead(play: Play, module: Any, dice: random.Random) -> int:
    """A round in the process that leads it; nothing may be left but the memory of the primitives."""
    # named semaphores tell by this whose they are: other programs make and leave some, too
    multiprocessing.current_process()._config["semprefix"] = prefix(os.getpid())  # type: ignore[attr-defined]
    play(module, random.Random(0))  # what a first round opens once, such as the memory of the locks
    before = set(os.listdir("/proc/self/fd"))
    kills = play(module, dice)
    left = set(os.listdir("/proc/self/fd")) - before
    expect_nothing(left, "descriptors are left")
    expect_nothing(children_left(), "children are left")
    return kills


def lead_and_tell(play: Play, module: Any, dice: random.Random, answer: int) -> None:
    """Write the number of kills; a fault's kind, too, since children that are left keep the pipe open."""
    os.setpgid(0, 0)
    words = LOSS
    try:
        words = str(lead(play, module, dice))
    except BaseException as error:
        words = kind_of(error)
        raise
    finally:
        os.write(answer, words.encode())


def answer_of(leader: int, reader: int) -> bytes:
    """What the leader says: a number, or a fault's kind.  LATE if it says nothing in time."""
    try:
        readable = select.select([reader], [], [], ROUND)[0]
        return os.read(reader, 20) if readable else LATE
    finally:
        try:
            os.killpg(leader, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(leader, 0)


def alone(play: Play, module: Any, dice: random.Random) -> int:
    """Play a round in a process of its own; the number of kills."""
    names = Traces.now()
    reader, writer = os.pipe()
    try:
        try:
            leader = forked(partial(told, partial(lead_and_tell, play, module, dice, writer)))
        finally:
            os.close(writer)
        answer = answer_of(leader, reader)
    finally:
        os.close(reader)
    expect_end(answer != LATE, f"the round hangs: no end after {ROUND:.0f} s")
    if not answer.isdigit():
        kind = FAULTS.get(answer.decode(), WrongResult)
        raise kind("the round has failed; see what its process has written")
    left = {name for name in names_of(leader) - names if not is_mapped(name)}
    end = time.monotonic() + PATIENCE
    while left & Traces.now() and time.monotonic() < end:
        time.sleep(0.0005)
    expect_nothing(left & Traces.now(), "left in /dev/shm")
    return int(answer)
