"""Rows of `dummy_threading`: what is left of the primitives' cost where no thread ever waits.

The standard library has no such module any more: its side is `threading`, with real threads.
"""

from __future__ import annotations

from bench.cases import Suite, module, placed
from bench.suites.threading import (
    OneThread,
    Target,
    check_barrier,
    check_condition,
    check_event,
    check_lock,
    check_new,
    check_semaphore,
    check_thread,
    create,
    create_thread,
    is_set,
    notify_nobody,
    rows_of,
    set_clear,
    wait_alone,
)
from bench.threading_crowds import Starts

SUITE = Suite(
    name="dummy_threading",
    implementations=(module("stdlib", "threading"), module("hasten", "hasten.dummy_threading")),
    cases=(
        *rows_of("Lock", check_lock),
        *rows_of("RLock", check_lock),
        *rows_of("Semaphore", check_semaphore),
        *rows_of("Condition", check_condition),
        OneThread(
            "with Condition: notify()",
            make=lambda s: s.Condition(),
            loop=notify_nobody,
            check=check_condition,
        ),
        OneThread("Event set + clear", make=lambda s: s.Event(), loop=set_clear, check=check_event),
        OneThread("Event.is_set", make=lambda s: s.Event(), loop=is_set, check=check_event),
        OneThread("new Event()", make=lambda s: s.Event, loop=create, check=check_new(check_event, is_set)),
        OneThread("Barrier(1).wait", make=lambda s: s.Barrier(1), loop=wait_alone, check=check_barrier),
        OneThread(
            "Thread(...) alone", make=lambda s: (s.Thread, Target()), loop=create_thread, check=check_thread
        ),
        *placed(Starts, "start + join"),
    ),
)
