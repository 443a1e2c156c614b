"""Checks of ProcessPoolExecutor's arguments, with the standard library's error messages."""

from __future__ import annotations

import importlib

from hasten.futures._cpus import usable_cpus
from hasten.futures._process_engine import BREAK, FAIL_TASK, RETRY
from hasten.futures._thread_pool import seconds_of


def checked_size(max_workers):
    if max_workers is None:
        return usable_cpus()
    if max_workers <= 0:
        raise ValueError(f"max_workers must be greater than 0, not {max_workers!r}")
    return max_workers


def check_tasks_per_child(most, method):
    if most is None:
        return
    check_count("max_tasks_per_child", most, 1)
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
    check_count(name, count, 0)


def check_count(name, count, least):
    """TypeError or ValueError unless *count* is an integer of at least *least*."""
    if not isinstance(count, int):
        raise TypeError(f"{name} must be an integer, not {type(count).__name__}")
    if count < least:
        raise ValueError(f"{name} must be >= {least}, not {count!r}")


def checked_idling(min_workers, idle_timeout, max_workers):
    """idle_timeout in seconds, or None."""
    check_count("min_workers", min_workers, 0)
    if min_workers > max_workers:
        raise ValueError(f"min_workers must be <= max_workers, {max_workers}, not {min_workers!r}")
    if idle_timeout is None:
        if min_workers:
            raise ValueError(f"min_workers={min_workers!r} needs an idle_timeout: without one, all stay")
        return None
    seconds = seconds_of(idle_timeout)
    if not seconds > 0:
        raise ValueError(f"idle_timeout must be greater than 0, not {idle_timeout!r}")
    return seconds


def worker_settings(max_worker_memory, serializer):
    """The workers' settings, as keyword arguments of serve_executor()."""
    settings = {}
    if max_worker_memory is not None:
        check_count("max_worker_memory", max_worker_memory, 1)
        settings["max_worker_memory"] = max_worker_memory
    if serializer not in ("pickle", "cloudpickle"):
        raise ValueError(f"serializer must be 'pickle' or 'cloudpickle', not {serializer!r}")
    if serializer != "pickle":
        settings["serializer"] = serializer
        try:
            importlib.import_module(serializer)
        except ImportError as error:
            raise ImportError(
                f"serializer={serializer!r} needs cloudpickle, which cannot be imported ({error}): "
                "pip install 'hasten-futures[cloudpickle]'",
                name="cloudpickle",
            ) from error
    return settings
