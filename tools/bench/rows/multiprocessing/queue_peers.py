"""Other queues between processes.  Each is measured where it is installed (see peers.txt).

A peer is asked for a queue as our modules are: by name, with a maxsize and a context.  Where it lacks
something that a row needs, the row does without it.
"""

from __future__ import annotations

import queue
from types import SimpleNamespace
from typing import Any

from bench.cases import Implementation, NotOffered

ROOM = 1 << 24  # bytes of faster-fifo's buffer, which does not grow: 16 times what it has by default


def faster_fifo() -> Any:
    """A ring of a fixed number of bytes, in C++.  Its get() and put() give up after a while."""
    import faster_fifo
    import faster_fifo_reduction  # noqa: F401 (pickling of the queue)

    class Queue:
        def __init__(self, maxsize: int = 0, ctx: Any = None) -> None:
            if maxsize > 0:
                raise NotOffered("faster-fifo's maxsize is a number of bytes")
            self.inner = faster_fifo.Queue(max_size_bytes=ROOM)

        def put(self, item: Any) -> None:
            while True:
                try:
                    return self.inner.put(item)
                except queue.Full:
                    pass

        def get(self) -> Any:
            while True:
                try:
                    return self.inner.get()
                except queue.Empty:
                    pass

        def empty(self) -> bool:
            return bool(self.inner.empty())

    return SimpleNamespace(Queue=Queue)


def billiard() -> Any:
    """Celery's fork of multiprocessing."""
    import billiard

    context = billiard.get_context("fork")

    def new_queue(maxsize: int = 0, ctx: Any = None) -> Any:
        return context.Queue(maxsize)

    def new_simple_queue(ctx: Any = None) -> Any:
        return context.SimpleQueue()

    return SimpleNamespace(Queue=new_queue, SimpleQueue=new_simple_queue)


PROCESS_QUEUES = (Implementation("faster-fifo", faster_fifo), Implementation("billiard", billiard))
