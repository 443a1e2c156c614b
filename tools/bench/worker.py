"""Runs under the measured interpreter: takes a plan on the command line, prints one JSON object a line.

Started by the tool itself as `python tools/bench --worker PLAN`. A row that hangs ends the process with the
stacks of all threads after `limit` seconds. Syntax of Python 3.9.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import platform
import sys
import traceback
from typing import Any

from stress.stressing import end_process, run_stress

from bench.cases import FREE_THREADED, Case, Suite, WrongResult
from bench.sampler import Plan, take
from bench.suites import load_suite


def say(event: str, **fields: Any) -> None:
    """One line to the tool that reads our output."""
    print(json.dumps({"event": event, **fields}), flush=True)


def describe() -> dict[str, Any]:
    """The interpreter, as the reports name it."""
    label = f"{sys.version_info[0]}.{sys.version_info[1]}{'t' if FREE_THREADED else ''}"
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    return {
        "label": label,
        "version": platform.python_version(),
        "gil": gil,
        "compiler": platform.python_compiler(),
    }


def load_modules(suite: Suite) -> tuple[dict[str, Any], dict[str, str]]:
    """Every implementation that can be imported, and why the others cannot."""
    modules, missing = {}, {}
    for implementation in suite.implementations:
        try:
            modules[implementation.name] = implementation.load()
        except ImportError as error:
            missing[implementation.name] = f"{type(error).__name__}: {error}"
    return modules, missing


def measure(suite: Suite, case: Case, modules: dict[str, Any], plan: Plan, limit: float) -> None:
    """One row, and what became of it."""
    reason = case.unavailable()
    if reason:
        say("skipped", suite=suite.name, case=case.name, reason=reason)
        return
    say("started", suite=suite.name, case=case.name)
    faulthandler.dump_traceback_later(limit, exit=True)
    try:
        samples = take(case, modules, plan, suite.peers)
    except WrongResult as error:
        say("failed", suite=suite.name, case=case.name, reason=f"wrong result: {error}")
    except Exception:
        say("failed", suite=suite.name, case=case.name, reason=traceback.format_exc())
    else:
        say(
            "row",
            suite=suite.name,
            case=case.name,
            pinned=case.pinned,
            factor=case.factor,
            unit=case.unit,
            values=samples.values,
            operations=samples.operations,
            missing=samples.missing,
        )
    finally:
        faulthandler.cancel_dump_traceback_later()


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run_soak(suite: Suite, module: Any, operations: int, limit: float) -> None:
    """The suite's soak for the candidate, with the memory at each look."""
    if suite.soak is None:
        say("skipped", suite=suite.name, case="soak", reason="this suite has no soak")
        return
    readings: list[int] = []
    say("started", suite=suite.name, case="soak")
    faulthandler.dump_traceback_later(limit, exit=True)
    try:
        suite.soak(
            module, operations // 20, lambda: None
        )  # caches and arenas fill up before the first reading
        gc.collect()
        readings.append(resident())
        done = suite.soak(module, operations, lambda: readings.append(resident()))
        gc.collect()
        readings.append(resident())
    except Exception:
        say("failed", suite=suite.name, case="soak", reason=traceback.format_exc())
    else:
        say("soak", suite=suite.name, operations=done, resident=readings)
    finally:
        faulthandler.cancel_dump_traceback_later()


def stress(suite: Suite, module: Any, order: dict[str, Any]) -> None:
    """The suite's stress for the candidate. One that fails ends the process: its threads may be stuck."""
    if suite.stress is None:
        say("skipped", suite=suite.name, case="stress", reason="this suite has no stress")
        return
    say("started", suite=suite.name, case="stress")

    def tell(event: str, **fields: Any) -> None:
        say(event, suite=suite.name, case="stress", **fields)

    if not run_stress(suite.stress(module), order["stress"] * 60, order["seed"], tell):
        end_process(fine=False)


def main() -> int:
    order = json.loads(sys.argv[2])
    plan = Plan(**order["plan"])
    say("hello", **describe())
    for name in order["suites"]:
        suite = load_suite(name)
        modules, missing = load_modules(suite)
        say(
            "suite",
            suite=suite.name,
            modules={k: getattr(v, "__name__", k) for k, v in modules.items()},
            missing=missing,
        )
        if suite.baseline in missing or suite.candidate in missing:
            return 2
        if order["soak"]:
            run_soak(suite, modules[suite.candidate], order["soak"], order["limit"])
            continue
        if order["stress"]:
            stress(suite, modules[suite.candidate], order)
            continue
        for case in suite.cases:
            if case.name in order["cases"][name]:
                measure(suite, case, modules, plan, order["limit"])
    say("done", gil=getattr(sys, "_is_gil_enabled", lambda: True)())
    return 0
