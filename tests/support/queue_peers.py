"""What child processes do with a queue, importable by children of the spawn method too."""

from __future__ import annotations

from typing import Any


def echo(inward: Any, outward: Any) -> None:
    """Send back what comes, until None comes."""
    while (item := inward.get()) is not None:
        outward.put(item)


def put_all(queue: Any, items: Any) -> None:
    for item in items:
        queue.put(item)


def put_for_ever(queue: Any, name: int) -> None:
    number = 0
    while True:
        queue.put((name, number))
        number += 1


def get_for_ever(queue: Any) -> None:
    while True:
        queue.get()


def finish_all(queue: Any) -> None:
    """Get until None comes, and call everything done."""
    for _ in iter(queue.get, None):
        queue.task_done()
    queue.task_done()


def outcome(report: Any, function: Any, *args: Any) -> None:
    """Report what calling the function gives: its value, or the name of what it raised."""
    try:
        report.put(function(*args))
    except BaseException as error:
        report.put(type(error).__name__)
