"""Runs files of tests under coverage, as many at a time as there are workers, the longest first.

What a forked child or a Python started by a test runs counts too, unless a signal ends it: coverage writes
its data at os._exit(), and starts with each Python (coverage's `patch`).  Each file has a folder for that and
its own /dev/shm.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import gate
from distributions import ROOT

from covered.places import RUNS, SETTINGS, TIMES, TREE

PLUGIN = Path(__file__).parent / "plugin"
PATHS = Path(sysconfig.get_path("purelib"), "a0_hasten_covered.pth")  # before coverage's own is read
PATIENCE = 300  # seconds for a file of tests
SETTINGS_TEXT = f"""\
[run]
plugins = cython_lines
source = {TREE}
concurrency = thread
parallel = true
patch =
    _exit
    subprocess
disable_warnings = no-data-collected, module-not-measured, module-not-imported, already-imported
[cython_lines]
tree = {TREE}
[report]
omit = *.pxd
exclude_also =
    if TYPE_CHECKING:
    ^\\s*cdef class
"""
CLOSING = re.compile(r"^=* ?((?:\d+ \w+(?:, )?)+) in [\d.]+s", re.MULTILINE)
running: set[subprocess.Popen[bytes]] = set()  # the leader of each session that has a file of tests
TRACER = "cython_lines.Lines"  # what coverage calls the plugin in its data
COVERAGE = (sys.executable, "-m", "coverage")


@dataclass(frozen=True)
class Measured:
    """How a file of tests went.  outcome: pytest's closing line, or why there is none."""

    file: Path
    seconds: float
    outcome: str
    finished: bool


def name_of(file: Path) -> str:
    """packages/hasten-queue/tests/test_api.py: hasten-queue/test_api.py"""
    parts = file.resolve().relative_to(ROOT).parts
    return "/".join(part for part in parts if part not in ("packages", "tests"))


def folder_of(file: Path) -> Path:
    return RUNS / name_of(file).replace("/", ".")


def data_of(file: Path) -> Path:
    return folder_of(file) / "data"


def environment(folder: Path) -> dict[str, str]:
    chosen = os.environ.get("HASTEN_TESTS", "chosen")  # on every interpreter: the rest has the same lines
    return {**os.environ, "COVERAGE_FILE": str(folder / "data"), "HASTEN_TESTS": chosen}


@contextmanager
def installed() -> Iterator[None]:
    """The tree and the plugin for every Python of this environment, also where PYTHONPATH does not count."""
    PATHS.write_text(f"{TREE}\n{PLUGIN}\n")
    try:
        yield
    finally:
        PATHS.unlink()


def measure(file: Path, patience: float = PATIENCE) -> Measured:
    """Run a file of tests, whatever comes of them, and put the data of its processes together."""
    folder = folder_of(file)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marker, log, since = folder / "finished", folder / "log.txt", time.monotonic()
    script = [str(ROOT / "tools" / "gate.py"), gate.MEASURED, str(marker)]
    command = [*COVERAGE, "run", f"--rcfile={SETTINGS}", *script, "-q", "-p", "no:cacheprovider", str(file)]
    with open(log, "w") as output:
        child = subprocess.Popen(
            command, env=environment(folder), cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        )
        finished = ended(child, patience)
    for part in folder.glob("data*"):
        with suppress(sqlite3.Error):  # a process was killed while it wrote: combine() tells of it
            name_plugin(part)
    combine(data_of(file), [folder])
    closing = CLOSING.findall(log.read_text(errors="replace"))
    outcome = closing[-1] if closing else f"exit status {child.returncode}"
    return Measured(file, time.monotonic() - since, outcome, finished and marker.exists())


def ended(child: subprocess.Popen[bytes], patience: float) -> bool:
    running.add(child)
    try:
        child.wait(patience)
        return True
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return False
    finally:
        running.discard(child)


def name_plugin(data: Path) -> None:
    """Let all lines of Cython be the plugin's: data of two kinds for a file cannot be put together.

    Where a test raises errors inside of coverage, that measures the rest without the plugin.
    """
    with closing(sqlite3.connect(data)) as base, base:
        found = "select id from file where path like '%.pyx' and id not in (select file_id from tracer)"
        base.execute(f"insert into tracer (file_id, tracer) select id, ? from ({found})", (TRACER,))


def combine(data: Path, parts: list[Path], *options: str) -> None:
    """Data files, and those in folders, become one."""
    command = [*COVERAGE, "combine", "-q", f"--rcfile={SETTINGS}", *options, *map(str, parts)]
    done = subprocess.run(command, env=environment(data.parent), capture_output=True, text=True)
    if done.returncode:
        print(f"covered: {data.parent.name}: {(done.stdout + done.stderr).strip()}", flush=True)


def known_times() -> dict[str, float]:
    return dict(json.loads(TIMES.read_text())) if TIMES.exists() else {}


def left(waiting: list[str], times: dict[str, float], workers: int) -> float:
    """The seconds that files will take: as many as the last time, or as those that are known on average."""
    mean = sum(times.values()) / len(times) if times else 0.0
    return sum(times.get(name, mean) for name in waiting) / workers


def measure_all(files: list[Path], workers: int) -> Iterator[Measured]:
    """A line for each file when it has ended.

    After an interrupt those that run are stopped, and nothing of them is left.
    """
    times, began = known_times(), time.monotonic()
    files = sorted(files, key=lambda file: -times.get(name_of(file), PATIENCE))
    waiting = [name_of(file) for file in files]
    with ThreadPoolExecutor(workers) as pool:
        runs = [pool.submit(measure, file) for file in files]
        try:
            for number, run in enumerate(as_completed(runs), start=1):
                one = run.result()
                name = name_of(one.file)
                waiting.remove(name)
                times[name] = round(one.seconds, 1)
                TIMES.write_text(json.dumps(times, indent=0, sort_keys=True))
                passed, more = (time.monotonic() - began) / 60, left(waiting, times, workers) / 60
                text = f"{name}, {one.seconds:.1f} s, {'' if one.finished else 'STOPPED, '}{one.outcome}"
                told = f"{number:3} of {len(files)} ({passed:.1f} min, about {more:.1f} left)"
                print(f"covered: {told}: {text}", flush=True)
                yield one
        except BaseException:
            stop(runs)
            for file in files:
                if name_of(file) in waiting:
                    shutil.rmtree(folder_of(file), ignore_errors=True)
            raise


def stop(runs: list[Future[Measured]]) -> None:
    """Start none of the files that wait, and end those that run."""
    for run in runs:
        run.cancel()
    for child in list(running):
        with suppress(ProcessLookupError):  # it has just ended
            os.killpg(child.pid, signal.SIGKILL)
    wait(runs)
