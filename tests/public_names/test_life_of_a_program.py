"""Programs with many threads that end or fork while these start and wait, under the interpreter's debug
hooks.

tracemalloc, the debug allocator and the development mode take the GIL, or look at it, where a thread is
made and unmade: who waits for a new thread with the GIL held waits for ever.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

TIMES = 10
LIMIT = 20  # seconds, for one program that takes less than one

MODES: dict[str, tuple[list[str], dict[str, str]]] = {
    "tracemalloc": (["-X", "tracemalloc"], {}),
    "debug-malloc": ([], {"PYTHONMALLOC": "debug"}),
    "dev": (["-X", "dev"], {}),
}
IMPORTS = {
    "stdlib": "import threading, queue, concurrent.futures as futures",
    "hasten": "from hasten import threading, queue, futures",
    "launcher": "import threading, queue, concurrent.futures as futures",
}

DAEMONS = """
event, q = threading.Event(), queue.SimpleQueue()
waits = [event.wait, q.get, threading.Semaphore(0).acquire, futures.Future().result]
for n in range(20):
    threading.Thread(target=waits[n % 4], daemon=True).start()
print("end", flush=True)
"""

BURST = """
def short():
    return [n for n in range(50)]
for n in range(20):
    threading.Thread(target=short, daemon=True).start()
print("end", flush=True)
"""

FORK = """
import os, warnings
warnings.simplefilter("ignore")
event = threading.Event()
pool = futures.ThreadPoolExecutor(4)
for n in range(20):
    threading.Thread(target=event.wait if n % 2 else int, daemon=True).start()
    pool.submit(int)
children = []
for n in range(3):
    pid = os.fork()
    if pid == 0:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        os._exit(7)
    children.append(pid)
codes = [os.waitpid(pid, 0)[1] >> 8 for pid in children]
event.set()
print("end" if codes == [7, 7, 7] else codes, flush=True)
"""

CHURN = """
import os, warnings
warnings.simplefilter("ignore")
stop = threading.Event()
def start_more():
    while not stop.is_set():
        threading.Thread(target=int, daemon=True).start()
starter = threading.Thread(target=start_more, daemon=True)
starter.start()
for n in range(30):
    pid = os.fork()
    if pid == 0:
        os._exit(threading.active_count() != 1)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
starter.join()
print("end", flush=True)
"""

PROGRAMS = {
    "daemons-at-exit": DAEMONS,
    "new-daemons-at-exit": BURST,
    "fork": FORK,
    "fork-while-starting": CHURN,
}


def commands(kind: str, program: str, mode: str) -> Iterator[subprocess.Popen[str]]:
    """Two at a time, so that they disturb each other."""
    options, environment = MODES[mode]
    launcher = ["-m", "hasten"] if kind == "launcher" else []
    command = [sys.executable, "-X", "faulthandler", *options, *launcher, "-c", IMPORTS[kind] + program]
    for _ in range(TIMES if kind != "stdlib" else 2):
        yield subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
            start_new_session=True,
        )


@pytest.mark.parametrize("mode", sorted(MODES))
@pytest.mark.parametrize("program", sorted(PROGRAMS))
@pytest.mark.parametrize("kind", ["stdlib", "hasten"])
def test_it_ends(kind: str, program: str, mode: str) -> None:
    if "fork" in program and not hasattr(os, "fork"):
        pytest.skip("needs fork()")
    if (kind, program, mode) == ("stdlib", "fork-while-starting", "tracemalloc"):
        pytest.skip("hangs now and then with the standard library's threads (seen on 3.10)")
    told: list[str] = []
    running: list[subprocess.Popen[str]] = []
    for child in commands(kind, PROGRAMS[program], mode):
        running.append(child)
        if len(running) == 2:
            told += [outcome(each) for each in running]
            running.clear()
    told += [outcome(each) for each in running]
    wrong = [each for each in told if each != "end"]
    assert not wrong, f"{len(wrong)} of {len(told)} runs: {wrong[0]}"


def outcome(child: subprocess.Popen[str]) -> str:
    try:
        out, err = child.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, 9)
        out, err = child.communicate()
        return f"HANGS after {out!r}: {err[-400:]}"
    if child.returncode or "Fatal Python error" in err:
        return f"status {child.returncode}, {out!r}: {err[-600:]}"
    return out.strip()
