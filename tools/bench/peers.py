"""Other queues that a Python program could use. Each is measured where it is installed (see peers.txt); pools
of threads are in rows/futures/peers.py.

Left out: fque, whose get() can miss a wake-up and then sleeps for ever; fastqueue and hyperq, whose queues do
not wait at all or carry bytes only.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from bench.cases import Implementation


def c_simple_queue() -> Any:
    """The interpreter's own C queue: unbounded, no task_done, no hooks."""
    from _queue import SimpleQueue

    return SimpleNamespace(Queue=SimpleQueue)


def culsans() -> Any:
    """The synchronous face of a queue that threads and event loops can share."""
    import culsans

    return SimpleNamespace(
        Queue=lambda maxsize=0: culsans.Queue(maxsize).sync_q,
        LifoQueue=lambda maxsize=0: culsans.LifoQueue(maxsize).sync_q,
        PriorityQueue=lambda maxsize=0: culsans.PriorityQueue(maxsize).sync_q,
    )


def janus() -> Any:
    """The synchronous face of a pair of queues; no event loop runs, so this is its best case."""
    import janus

    try:
        janus.Queue()
    except RuntimeError as error:  # before janus 2, which is all that Python 3.9 gets
        raise ImportError(f"this janus cannot be used without an event loop: {error}") from error
    return SimpleNamespace(
        Queue=lambda maxsize=0: janus.Queue(maxsize).sync_q,
        LifoQueue=lambda maxsize=0: janus.LifoQueue(maxsize).sync_q,
        PriorityQueue=lambda maxsize=0: janus.PriorityQueue(maxsize).sync_q,
    )


QUEUES = (
    Implementation("C SimpleQueue", c_simple_queue),
    Implementation("culsans", culsans),
    Implementation("janus", janus),
)
