"""The end of the program, with pools in every state: what is queued is run, nothing hangs or is told."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def program(impl, python):
    """Run a program with a pool of one worker whose first task waits for `gate`; the lines that it prints."""

    def run(source, **options):
        header = f"""
import atexit, gc, os, sys, threading, time
from {impl.__name__} import ThreadPoolExecutor, wait
pool = ThreadPoolExecutor(1)
gate = threading.Event()
first = pool.submit(gate.wait)
def say(*words):
    print(*words, flush=True)
def refusal():  # what submit() says when main is over
    while True:
        try:
            pool.submit(len, "")
        except RuntimeError as error:
            return error
        time.sleep(0.001)
"""
        return python(header + source, **options).splitlines()

    return run


def test_what_is_queued_is_run(program):
    assert program(
        """
for number in range(100):
    pool.submit(say, number)
gate.set()
"""
    ) == [str(number) for number in range(100)]


def test_before_atexit_functions(program):
    assert program(
        """
atexit.register(say, "atexit")
pool.submit(say, "task")
gate.set()
"""
    ) == ["task", "atexit"]


def test_after_shutdown_without_waiting(program):
    assert program(
        """
pool.submit(say, "task")
pool.shutdown(wait=False)
gate.set()
"""
    ) == ["task"]


def test_after_cancelling(program):
    assert program(
        """
while not first.running():
    time.sleep(0.001)
futures = [pool.submit(say, "never") for _ in range(5)]
pool.shutdown(wait=False, cancel_futures=True)
say([future.cancelled() for future in futures] == [True] * 5)
gate.set()
"""
    ) == ["True"]


def test_dropped_before(program):
    assert program(
        """
pool.submit(say, "task")
del pool
gc.collect()
gate.set()
"""
    ) == ["task"]


def test_nothing_to_do(program):
    assert program("gate.set(); first.result(); say('over')") == ["over"]


def test_tasks_that_end_by_themselves(program):
    """The main thread is over before they are."""
    assert program(
        """
def late():
    refusal()
    say("late")
gate.set()
pool.submit(late)
pool.submit(say, "last")
say("main")
"""
    ) == ["main", "late", "last"]


def test_submit_when_it_is_too_late(program):
    """From a task, and from what is registered with atexit."""
    assert program(
        """
def attempt(who):
    try:
        pool.submit(say, "never")
    except RuntimeError as error:
        say(who, error)
atexit.register(attempt, "atexit")
pool.submit(lambda: say("task", refusal()))
gate.set()
"""
    ) in (
        # the standard library's workers mark their pool as shut down on their way out
        ["task cannot schedule new futures after interpreter shutdown",
         f"atexit cannot schedule new futures after {which}"]
        for which in ("interpreter shutdown", "shutdown")
    )  # fmt: skip


def test_a_new_pool_when_it_is_too_late(program):
    assert program(
        """
def late():
    try:
        ThreadPoolExecutor(1).submit(say, "never")
    except RuntimeError as error:
        say(error)
atexit.register(late)
gate.set()
"""
    ) == ["cannot schedule new futures after interpreter shutdown"]


def test_shutdown_when_it_is_late(program):
    assert program(
        """
def late():
    pool.shutdown()
    say(first.result(0), [thread.is_alive() for thread in pool._threads])
atexit.register(late)
gate.set()
"""
    ) == ["True [False]"]


def test_tasks_that_raise(program):
    """SystemExit in a task is its outcome, and no more."""
    assert program(
        """
pool.submit(sys.exit, 3)
pool.submit(say, "still there")
gate.set()
"""
    ) == ["still there"]


def test_many_pools(program):
    assert program(
        """
pools = [ThreadPoolExecutor(3) for _ in range(20)]
for one in pools:
    for _ in range(10):
        one.submit(gate.wait)
    one.submit(os.write, 1, b"x")
gate.set()
"""
    ) == ["x" * 20]


def test_futures_that_outlive_the_pool(program):
    """Looked at from the finalizers of modules."""
    assert program(
        """
class Last:
    def __init__(self, future):
        self.future = future
    def __del__(self):
        os.write(1, repr(self.future.result(0)).encode())
sys.modules["last"] = Last(first)
gate.set()
pool.shutdown()
del pool
"""
    ) in (["True"], [])


def test_a_daemon_thread_that_waits_for_a_result(program):
    assert program(
        """
def wait_for_ever():
    other = type(first)()
    ready.set()
    other.result()
ready = threading.Event()
threading.Thread(target=wait_for_ever, daemon=True).start()
ready.wait()
gate.set()
say("over")
"""
    ) == ["over"]


def test_daemon_threads_that_submit_to_the_end(program):
    assert program(
        """
def submit():
    try:
        while True:
            pool.submit(len, "")
    except RuntimeError:
        pass
gate.set()
for _ in range(3):
    threading.Thread(target=submit, daemon=True).start()
first.result()
say("over")
"""
    ) == ["over"]


def run(impl, source):
    command = [sys.executable, "-X", "faulthandler", "-c", f"from {impl.__name__} import *\n" + source]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_an_exception_in_main(impl):
    done = run(
        impl,
        """
pool = ThreadPoolExecutor(1)
for number in range(3):
    pool.submit(print, number, flush=True)
raise KeyError("main")
""",
    )
    assert done.returncode == 1
    assert done.stdout.split() == ["0", "1", "2"]
    assert done.stderr.rstrip().endswith("KeyError: 'main'")


def test_sys_exit_in_main(impl):
    done = run(
        impl,
        """
import sys
pool = ThreadPoolExecutor(1)
pool.submit(print, "task", flush=True)
sys.exit(7)
""",
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (7, ["task"], "")


def test_os_exit_in_a_task(impl):
    done = run(impl, "import os\nThreadPoolExecutor(1).submit(os._exit, 5).result()")
    assert done.returncode == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_the_end_of_a_forked_child(program):
    """It has none of the workers, and does not wait for them."""
    assert program(
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
pid = os.fork()
if pid == 0:
    say("child")
    sys.exit(4)
status = os.waitpid(pid, 0)[1]
say("status", os.WEXITSTATUS(status))
gate.set()
"""
    ) == ["child", "status 4"]
