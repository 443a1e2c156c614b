"""The end of the interpreter, with threads and timers in every state."""

import sys

import pytest

OVER_312 = sys.version_info[:2] == (3, 12)
IMPORT = "import atexit, sys, time, {0} as threading, threading as stdlib\nimport hasten.threading\n"


@pytest.fixture
def program(impl, python):
    """Run a program that finds the module under test under the name of threading; the lines it prints."""
    return lambda source: python(IMPORT.format(impl.__name__) + source).splitlines()


def test_exit_waits_for_threads_and_then_calls_exit_functions(program):
    assert program(
        """
atexit.register(print, "atexit")
def late():
    threading.main_thread().join()
    told = threading.Event()
    threading.Thread(target=lambda: (told.wait(), time.sleep(0.05), print("second"))).start()
    print("first")
    told.set()
if sys.version_info[:2] == (3, 12):  # starts nothing then
    threading.Thread(target=lambda: (stdlib.main_thread().join(), print("first"), print("second"))).start()
else:
    threading.Thread(target=late).start()
print("main")
"""
    ) == ["main", "first", "second", "atexit"]


def test_exit_waits_for_timers(program):
    assert program(
        """
atexit.register(print, "atexit")
main_is_over = threading.Event()
threading.Timer(0.05, lambda: (main_is_over.wait(), time.sleep(0.05), print("timer"))).start()
cancelled = threading.Timer(3600, print, ["cancelled"])
cancelled.start()
cancelled.cancel()
daemon = threading.Timer(3600, print, ["daemon"])
daemon.daemon = True
daemon.start()
print("main")
main_is_over.set()
"""
    ) == ["main", "timer", "atexit"]


def test_exit_waits_for_threads_of_both_modules(program):
    assert (
        sorted(
            program(
                """
def body(word):
    stdlib.main_thread().join()
    time.sleep(0.02)
    sys.stdout.write(word + "\\n")
for module in (stdlib, hasten.threading) * 2:
    module.Thread(target=body, args=["thread"]).start()
    module.Timer(0.05, sys.stdout.write, ["timer\\n"]).start()
"""
            )
        )
        == ["thread"] * 4 + ["timer"] * 4
    )


def test_a_timer_that_is_cancelled_during_exit(program):
    assert program(
        """
timer = threading.Timer(3600, print, ["called"])
timer.start()
def cancel():
    threading.main_thread().join()
    timer.cancel()
    print("cancelled")
threading.Thread(target=cancel).start()
"""
    ) == ["cancelled"]


@pytest.mark.skipif(OVER_312, reason="3.12 starts no thread once the end of the interpreter has begun")
def test_timers_that_start_timers_during_exit(program):
    assert program(
        """
def tick(left):
    print(left)
    if left:
        threading.Timer(0.01, tick, [left - 1]).start()
tick(3)
"""
    ) == ["3", "2", "1", "0"]


def test_daemon_threads_wait_in_every_primitive(program):
    assert program(
        """
lock = threading.Lock()
lock.acquire()
held = threading.Condition()
held.acquire()
def hold():
    with threading.Condition():
        time.sleep(1000)
def sleeper():
    time.sleep(1000)
def in_condition():
    with threading.Condition() as _: pass
    condition = threading.Condition()
    with condition:
        condition.wait()
asleep = threading.Thread(target=sleeper, daemon=True)
asleep.start()
bodies = [
    hold, sleeper, in_condition, lock.acquire, asleep.join,
    lambda: lock.acquire(timeout=1000),
    lambda: held.acquire(),
    lambda: asleep.join(1000),
    threading.Event().wait,
    lambda: threading.Event().wait(1000),
    threading.Semaphore(0).acquire,
    lambda: threading.BoundedSemaphore(0).acquire(timeout=1000),
    threading.Barrier(2).wait,
    lambda: threading.Barrier(2).wait(1000),
    lambda: threading.Timer(1000, print).run(),
    threading.main_thread().join,
]
threads = [threading.Thread(target=body, daemon=True) for body in bodies]
for thread in threads:
    thread.start()
time.sleep(0.2)
assert all(thread.is_alive() for thread in threads), threads
print("main")
"""
    ) == ["main"]


def test_daemon_threads_that_spin_and_are_pending(program):
    assert program(
        """
def spin():
    while True:
        threading.Event().wait(0)
for _ in range(4):
    threading.Thread(target=spin, daemon=True).start()
def chain():
    threading.Thread(target=int, daemon=True).start()
for _ in range(20):
    threading.Thread(target=chain, daemon=True).start()
print("main")
"""
    ) == ["main"]


def test_functions_for_the_exit_of_threading(program):
    """They are called before threads are waited for: that is how pools tell their workers to end."""
    assert program(
        """
gate = threading.Event()
atexit.register(print, "atexit")
threading.Thread(target=lambda: (gate.wait(), print("thread"))).start()
threading._register_atexit(gate.set)
threading._register_atexit(print, "first registered")
stdlib._register_atexit(print, "last registered")
"""
    ) == ["last registered", "first registered", "thread", "atexit"]


def test_registering_too_late(program):
    assert program(
        """
def late():
    try:
        threading._register_atexit(print)
    except RuntimeError as error:
        print(error)
atexit.register(late)
"""
    ) == ["can't register atexit after shutdown"]


def test_start_when_the_interpreter_ends(python):
    """It is refused, in whatever words: names of modules are gone by then."""
    assert (
        python(
            """
import os, sys, hasten.threading
class AtTheEnd:
    def __init__(self):
        self.thread, self.write = hasten.threading.Thread(target=int), os.write
        self.finalizing, self.error = sys.is_finalizing, Exception
    def __del__(self):
        assert self.finalizing()
        try:
            self.thread.start()
        except self.error:
            self.write(1, b"refused")
sys.the_end = AtTheEnd()
"""
        )
        == "refused"
    )


def test_system_exit_in_a_thread_ends_that_thread(program):
    assert program(
        """
threading.Thread(target=sys.exit, args=[3]).start()
threading.Timer(0.01, sys.exit, [3]).start()
print("main")
"""
    ) == ["main"]


def test_what_fails_is_told(program):
    lines = program(
        """
sys.stderr = sys.stdout
def fail():
    raise ArithmeticError("told")
for thread in threading.Thread(target=fail, name="a"), threading.Timer(0.01, fail):
    thread.start()
    thread.join()
"""
    )
    assert [line for line in lines if not line.startswith(" ")] == [
        "Exception in thread a:",
        "Traceback (most recent call last):",
        "ArithmeticError: told",
        next(line for line in lines[4:] if line.startswith("Exception in thread Thread-")),
        "Traceback (most recent call last):",
        "ArithmeticError: told",
    ]


def test_pools_whose_threads_are_ours(python):
    """concurrent.futures over our Thread: no worker holds up the exit."""
    assert python(
        """
import threading, hasten.threading
import concurrent.futures.thread
concurrent.futures.thread.threading = hasten.threading
pool = concurrent.futures.ThreadPoolExecutor(3)
assert list(pool.map(abs, range(-5, 0))) == [5, 4, 3, 2, 1]
assert all(type(thread) is hasten.threading.Thread for thread in pool._threads)
pool.submit(print, "done")
"""
    ).split() == ["done"]


def test_ctrl_c_while_exit_waits(impl):
    """It ends the wait; the interpreter tells, and goes on to end."""
    import subprocess

    source = IMPORT.format(impl.__name__) + (
        """
import os, signal
def body():
    stdlib.main_thread().join()
    while open(f"/proc/{os.getpid()}/stat").read().rpartition(")")[2].split()[0] != "S":
        os.sched_yield()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.2)
threading.Thread(target=body, daemon=False).start()
"""
    )
    command = [sys.executable, "-X", "faulthandler", "-c", source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "KeyboardInterrupt" in done.stderr
    assert "Fatal" not in done.stderr
