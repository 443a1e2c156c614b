"""The end of a program whose daemon threads wait."""

import pytest

PROGRAM = """
import atexit, sys, threading as stdlib, {module} as threading
event, sem, barrier = threading.Event(), threading.Semaphore(0), threading.Barrier(7)
cond, plain = threading.Condition(), threading.Condition(threading.Lock())
late = threading.serialize_iterator(iter(event.wait, None))
def wait_on(cond):
    with cond: cond.wait()
def wait_shortly():
    while True:
        event.wait(0.001)
        sem.acquire(timeout=0.0005)
def swallow(call, *args):
    try: call(*args)
    except Exception: return
def churn():
    sem = threading.BoundedSemaphore(2)
    with threading.Condition() as held:
        while True:
            with sem: event.is_set()
class Last:
    "Uses everything when modules are cleared."
    def __init__(self): self.things = event, sem, barrier, cond
    def __del__(self):
        event, sem, barrier, cond = self.things
        event.set(); sem.release(5); barrier.abort()
        if cond.acquire(False):
            cond.notify_all(); cond.release()
keep = Last()
cycle = Last(); cycle.me = cycle
calls = [(event.wait,), (sem.acquire,), (barrier.wait,), (wait_on, cond), (wait_on, plain), (next, late)]
if sys.version_info >= (3, 11):  # before, a thread that takes the GIL at the end reads the freed interpreter
    calls += [(wait_shortly,), (churn,)]
for call in calls:
    for kind in (threading, stdlib):
        for _ in range(2): kind.Thread(target=swallow, args=call, daemon=True).start()
atexit.register(lambda: [event.set(), event.clear(), sem.release(3)])
print("end")
"""


@pytest.mark.parametrize("run", range(6))
def test_exit_with_daemons_that_wait(python, run):
    assert python(PROGRAM.format(module="hasten.threading")) == "end\n"


def test_exit_waits_for_threads_that_are_no_daemons(python):
    program = """
import hasten.threading as threading, atexit
event, barrier = threading.Event(), threading.Barrier(2)
def last():
    event.wait()
    barrier.wait()
    print("last")
def release():
    event.set()
    barrier.wait()
threading.Thread(target=last).start()
threading.Timer(0.05, release).start()
atexit.register(print, "exit")
"""
    assert python(program) == "last\nexit\n"
