"""The arguments of ProcessPoolExecutor: what is refused, in the words of the standard library."""

from __future__ import annotations

from hasten.futures._cpus import usable_cpus
from hasten.futures._process_engine import BREAK, FAIL_TASK, RETRY


def checked_size(max_workers):
    if max_workers is None:
        return usable_cpus()
    if max_workers <= 0:
        raise ValueError(f"max_workers must be greater than 0, not {max_workers!r}")
    return max_workers


def check_tasks_per_child(most, method):
    if most is None:
        return
    if not isinstance(most, int):
        raise TypeError(f"max_tasks_per_child must be an integer, not {type(most).__name__}")
    if most <= 0:
        raise ValueError(f"max_tasks_per_child must be >= 1, not {most!r}")
    if method == "fork":
        raise ValueError(
            "max_tasks_per_child is incompatible with the 'fork' multiprocessing start method; "
            "supply a different mp_context."
        )


def check_crash_policy(on_crash, max_retries):
    if on_crash not in (BREAK, FAIL_TASK, RETRY):
        raise ValueError(f"on_crash must be {BREAK!r}, {FAIL_TASK!r} or {RETRY!r}, not {on_crash!r}")
    check_retries("max_retries", max_retries)


def check_retries(name, count):
    if not isinstance(count, int):
        raise TypeError(f"{name} must be an integer, not {type(count).__name__}")
    if count < 0:
        raise ValueError(f"{name} must be >= 0, not {count!r}")
