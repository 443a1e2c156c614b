"""A long run over everything a queue does, to see that no item, waiter, queue or exception is kept."""

from __future__ import annotations

from typing import Any

from bench.cases import expect
from bench.racing import race

from stress.soaking import in_turns


def alone(module: Any, count: int) -> int:
    """Fresh objects through one queue, which grows to `count` and empties again."""
    queue = module.Queue()
    sent = [[number] for number in range(count)]
    for item in sent:
        queue.put(item)
    expect(all(queue.get() is item for item in sent), "another object came out")
    return 2 * count


def refused(module: Any, count: int) -> int:
    """Full and Empty, raised again and again."""
    full, empty, failures = module.Queue(1), module.Queue(), 0
    full.put(None)
    for _ in range(count // 2):
        try:
            full.put_nowait([])
        except module.Full:
            failures += 1
        try:
            empty.get_nowait()
        except module.Empty:
            failures += 1
    expect(failures == count // 2 * 2, "a full or empty queue did not say so")
    return failures


def timed_out(module: Any, count: int) -> int:
    """Waits that end by their timeout."""
    queue, failures = module.Queue(), 0
    for _ in range(count // 100):
        try:
            queue.get(timeout=0.0001)
        except module.Empty:
            failures += 1
    expect(failures == count // 100, "an empty queue gave something")
    return failures


def crowded(module: Any, count: int) -> int:
    """Two producers and two consumers that wait on a small queue."""
    queue = module.Queue(10)
    half = count // 2

    def produce() -> None:
        for number in range(half):
            queue.put((number,))

    results = race([produce, produce, *[lambda: sum(queue.get()[0] for _ in range(half))] * 2]).results
    expect(results[2] + results[3] == half * (half - 1), "items lost or doubled")
    return 4 * half


def ordered(module: Any, count: int) -> int:
    """The same through the other kinds."""
    for kind in (module.PriorityQueue, module.LifoQueue, module.SimpleQueue):
        queue = kind()
        for number in range(count):
            queue.put((number, str(number)))
        expect(sum(queue.get()[0] for _ in range(count)) == count * (count - 1) // 2, "items lost or doubled")
    return 6 * count


def abandoned(module: Any, count: int) -> int:
    """Queues dropped with items in them, some of which hold the queue itself."""
    for number in range(count // 10):
        queue = module.Queue()
        queue.put([number])
        queue.put(queue)
    return count // 10 * 2


soak = in_turns(alone, refused, timed_out, crowded, ordered, abandoned)
