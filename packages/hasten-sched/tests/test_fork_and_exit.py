"""fork() at awkward moments, daemon threads at exit."""

import os
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

IN_AN_ACTION = """
import os, sys
from fractions import Fraction
from hasten.sched import scheduler

now, ran = [0], []
s = scheduler(lambda: now[0], lambda delay: now.__setitem__(0, now[0] + delay))
for i in range(1, 6):
    s.enter({kind}(i), 1, ran.append, (i,))
pids = []
s.enter({kind}(2.5), 1, lambda: pids.append(os.fork()))
s.run()
assert ran == [1, 2, 3, 4, 5] and s.empty(), ran
if pids[0] == 0:
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]) == 7
print("both ran all")
"""

WITH_A_SLEEPER = """
import os, sys, threading, time
from fractions import Fraction
from hasten.sched import scheduler

s = scheduler()
ran = []
if {difficult}:
    never = s.enterabs(10**400, 1, print)
far = s.enter(3600, 1, ran.append, ("late",))
runner = threading.Thread(target=s.run)
runner.start()
while open(f"/proc/self/task/{{runner.native_id}}/stat").read().rpartition(")")[2].split()[0] != "S":
    time.sleep(0.001)

def finish():
    s.enter(0, 1, ran.append, ("early",))
    s.cancel(far)
    if {difficult}:
        s.cancel(never)

pid = os.fork()
if pid == 0:
    finish()
    s.run()
    os._exit(7 if ran == ["early"] else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
s.enter(0.0, 1, ran.append, ("first",))
finish()
runner.join(30)
assert not runner.is_alive()
print(ran)
"""

WHILE_ANOTHER_THREAD_COMPARES = """
import os, threading
from hasten.sched import scheduler

inside, go = threading.Event(), threading.Event()

class Slow(int):
    def __lt__(self, other):
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            assert go.wait(30)
        return int(self) < other

now, ran = [100], []
s = scheduler(lambda: now[0], lambda delay: None)
s.enterabs(Slow(5), 1, ran.append, (5,))
s.enterabs(Slow(3), 1, ran.append, (3,))
other = threading.Thread(target=s.enterabs, args=(Slow(1), 1, ran.append, (1,)))
other.start()
assert inside.wait(30)
pid = os.fork()
if pid == 0:
    s.enterabs(2, 1, ran.append, (2,))
    s.run()
    os._exit(7 if ran in ([1, 2, 3, 5], [2, 3, 5]) else 1)
go.set()
other.join()
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
s.run()
print(ran)
"""

AT_EXIT = """
import threading
from hasten.sched import scheduler

s = scheduler()
s.enter(3600, 1, print)
s.me = s
threading.Thread(target=s.run, daemon=True).start()
threading.Thread(target=s.run, daemon=True).start()
print("over")
"""


def program(text, **names):
    """From 3.12 on fork() warns in a program with threads."""
    return "import warnings; warnings.simplefilter('ignore')\n" + (text.format(**names) if names else text)


@pytest.mark.parametrize("kind", ["float", "Fraction"])
def test_fork_in_an_action(python, kind):
    assert python(program(IN_AN_ACTION, kind=kind)) == "both ran all\n"


@pytest.mark.parametrize("difficult", [False, True])
def test_fork_while_another_thread_sleeps_in_run(python, difficult):
    assert python(program(WITH_A_SLEEPER, difficult=difficult)) == "['first', 'early']\n"


def test_fork_while_another_thread_compares(python):
    assert python(program(WHILE_ANOTHER_THREAD_COMPARES)) == "[1, 3, 5]\n"


def test_daemon_threads_that_sleep_at_exit(python):
    assert python(AT_EXIT) == "over\n"


IN_A_HANDLER = """
import os, signal, threading, time
from hasten.sched import scheduler

parent, ran, pids = os.getpid(), [], []
s = scheduler()
late = s.enter(3600, 1, ran.append, ("late",))

def when_main_sleeps(act):
    def wait():
        while open(f"/proc/self/task/{os.getpid()}/stat").read().rpartition(")")[2].split()[0] != "S":
            time.sleep(0.001)
        act()
    threading.Thread(target=wait).start()

def finish():
    s.enter(0, 1, ran.append, ("early",))
    s.cancel(late)

def handler(*_):
    pids.append(os.fork())
    when_main_sleeps(finish)

signal.signal(signal.SIGUSR1, handler)
when_main_sleeps(lambda: os.kill(parent, signal.SIGUSR1))
s.run()
assert ran == ["early"], ran
if pids == [0]:
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]) == 7
print("both")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc whether a thread sleeps")
def test_fork_in_a_handler_while_run_sleeps(python):
    assert python(IN_A_HANDLER, "-W", "ignore") == "both\n"
