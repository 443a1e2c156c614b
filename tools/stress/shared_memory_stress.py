"""The stress of `shared_memory`: families of processes that are killed at any moment leave nothing behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from typing import Any

from bench.cases import expect

from stress.faults import Leak
from stress.stressing import Game

DIRECTORY = "/dev/shm"
PATIENCE = 10.0  # seconds: what a busy machine may take for what is done at once
FAMILY = """
import importlib, os, random, sys
module = importlib.import_module(sys.argv[1])
module._SHM_NAME_PREFIX = f"/h{os.getpid()}-"  # ten characters at most

def live(forks, held):
    made = 0
    while True:
        block = module.SharedMemory(create=True, size=random.randrange(1, 50_000))
        held.append((block, module.SharedMemory(block.name)))
        if len(held) > 5:
            one, other = held.pop(0)
            one.close(); one.unlink(); other.close()
        made += 1
        if made == 4 and forks and os.fork() == 0:
            live(forks - 1, [])
        os.write(1, b".")

live(int(sys.argv[2]), [])
"""


def stress(source: Any) -> dict[str, Game]:
    """The games, by name, with the module that they are played with."""
    return {"killed families": partial(killed_family, source)}


def started(source: Any, forks: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", FAMILY, source.__name__, str(forks)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, start_new_session=True)


def killed_family(source: Any, dice: random.Random) -> int:
    """A maker, its attachers and its forked children, all killed with SIGKILL at once."""
    family = started(source, dice.randrange(3))
    assert family.stdout is not None
    family.stdout.read(dice.randrange(1, 60))
    if dice.randrange(2):
        time.sleep(dice.random() * 0.005)
    os.killpg(family.pid, signal.SIGKILL)
    _, said = family.communicate()
    expect(not said, f"a killed family said {said!r}")
    until_gone(f"h{family.pid}-")
    return 1


def until_gone(prefix: str) -> None:
    begin = time.monotonic()
    while True:
        left = [name for name in os.listdir(DIRECTORY) if name.startswith(prefix)]
        waited = time.monotonic() - begin
        if not left:
            return
        if waited > PATIENCE:
            for name in left:
                os.unlink(os.path.join(DIRECTORY, name))
            raise Leak(f"{len(left)} blocks are left {waited:.1f} s after the kill")
        time.sleep(0.001)
