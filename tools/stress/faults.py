"""What a game can find wrong, by kind: somebody waits who should go on, something is left, a total is off.

Runs under the measured interpreter: syntax of Python 3.9.
"""

from __future__ import annotations

import concurrent.futures
import queue

from bench.cases import WrongResult

HANG, LOSS, LEAK = "hangs", "losses", "leaks"


class Hang(WrongResult):
    """Somebody still waits, long after it should have gone on."""


class Leak(WrongResult):
    """A process, a descriptor or a name in /dev/shm is left."""


def expect_end(condition: bool, message: str) -> None:
    """Raise Hang unless the wait has come to its end."""
    if not condition:
        raise Hang(message)


def expect_nothing(left: object, message: str) -> None:
    """Raise Leak if anything is left; the message tells what for."""
    if left:
        raise Leak(f"{message}: {left}")


RAN_OUT = (Hang, queue.Empty, queue.Full, TimeoutError, concurrent.futures.TimeoutError)


def kind_of(error: BaseException | None) -> str:
    """Of what kind a fault is.  The first one counts, whatever undoing it raises after it."""
    kind = LOSS
    while error is not None:
        if isinstance(error, RAN_OUT):
            kind = HANG
        elif isinstance(error, WrongResult):
            kind = LEAK if isinstance(error, Leak) else LOSS
        error = error.__cause__ or error.__context__
    return kind
