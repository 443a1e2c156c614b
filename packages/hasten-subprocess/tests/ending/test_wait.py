"""wait_for_end() and wait_any(): sleeping until a child has ended."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from support.signalling import Interrupt, interrupt

import hasten.subprocess as ours
from hasten.subprocess._child_end import wait_any, wait_for_end


@pytest.fixture
def sleepers():
    """Start children that sleep; all are killed and waited for at the end."""
    started = []

    def start(count, module=ours):
        new = [module.Popen(["sleep", "1000"]) for _ in range(count)]
        started.extend(new)
        return new

    yield start
    for child in started:
        child.kill()
    for child in started:
        child.wait()


@pytest.fixture
def sleeping(sleepers):
    return sleepers(1)[0]


@pytest.fixture
def few_descriptors():
    """Leave this process a few descriptors that it does not use yet."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(map(int, os.listdir("/proc/self/fd")))
    yield lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (used + 5, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def ignored_children():
    """SIGCHLD is ignored: the kernel reaps children itself."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGCHLD, before)


class TestOneChild:
    def test_it_ends_and_is_not_reaped(self, sleeping, spawn):
        waiting = spawn(wait_for_end, sleeping.pid, None).settle()
        os.kill(sleeping.pid, signal.SIGTERM)
        assert waiting.result() is True
        assert os.waitid(os.P_PID, sleeping.pid, os.WEXITED | os.WNOWAIT).si_status == signal.SIGTERM
        assert sleeping.wait() == -signal.SIGTERM

    def test_it_has_ended_already(self, sleeping):
        sleeping.kill()
        os.waitid(os.P_PID, sleeping.pid, os.WEXITED | os.WNOWAIT)
        assert wait_for_end(sleeping.pid) is True
        assert wait_for_end(sleeping.pid, 0) is True
        assert wait_for_end(sleeping.pid, -1) is True

    @pytest.mark.parametrize("timeout", [0, -1, False, -float("inf"), -(10**400), 0.05])
    def test_it_has_not(self, sleeping, timeout):
        before = time.monotonic()
        assert wait_for_end(sleeping.pid, timeout) is False
        assert time.monotonic() - before >= timeout

    @pytest.mark.parametrize("timeout", [float("inf"), 10**400, 1e300, 30])
    def test_a_long_timeout(self, sleeping, spawn, timeout):
        waiting = spawn(wait_for_end, sleeping.pid, timeout).settle()
        sleeping.kill()
        assert waiting.result() is True

    @pytest.mark.parametrize(
        "timeout, error", [("1", TypeError), (float("nan"), ValueError), (1j, TypeError)]
    )
    def test_what_is_no_timeout(self, sleeping, timeout, error):
        for call in (lambda: wait_for_end(sleeping.pid, timeout), lambda: wait_any([sleeping], timeout)):
            with pytest.raises(error):
                call()

    @pytest.mark.parametrize("pid", [0, -1, -(10**6)])
    def test_what_is_no_pid(self, pid):
        with pytest.raises(ValueError, match=str(pid)):
            wait_for_end(pid, 0)

    def test_one_that_is_reaped(self, sleeping):
        sleeping.kill()
        sleeping.wait()
        assert wait_for_end(sleeping.pid) is True

    def test_one_that_is_reaped_meanwhile(self, sleeping, spawn):
        waiting = spawn(wait_for_end, sleeping.pid).settle()
        sleeping.kill()
        sleeping.wait()
        assert waiting.result() is True

    def test_one_that_is_none_of_ours(self):
        assert wait_for_end(os.getppid(), 30) is True

    def test_when_the_kernel_reaps(self, ignored_children, spawn):
        child = ours.Popen(["sleep", "1000"])
        waiting = spawn(wait_for_end, child.pid).settle()
        child.kill()
        assert waiting.result() is True
        assert child.wait() == 0  # the status is lost, as in the standard library

    def test_many_threads_wait_for_the_same(self, sleeping, spawn):
        waiting = [spawn(wait_for_end, sleeping.pid, None if i % 2 else 30).settle() for i in range(6)]
        sleeping.kill()
        assert [task.result() for task in waiting] == [True] * 6

    def test_one_that_is_stopped_has_not_ended(self, sleeping):
        sleeping.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, sleeping.pid, os.WSTOPPED)
        assert wait_for_end(sleeping.pid, 0.05) is False

    def test_without_descriptors(self, sleeping, spawn, few_descriptors):
        few_descriptors()
        taken = []
        try:
            with pytest.raises(OSError):
                while True:
                    taken.append(os.dup(0))
            assert wait_for_end(sleeping.pid, 0.05) is False
            waiting = spawn(wait_for_end, sleeping.pid)
            sleeping.kill()
            assert waiting.result() is True
        finally:
            for fd in taken:
                os.close(fd)


class TestSignals:
    @pytest.mark.parametrize("timeout", [None, 30])
    def test_a_handler_that_raises(self, sleeping, on_signal, when_main_sleeps, timeout):
        on_signal(interrupt)
        sender = when_main_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1))
        with pytest.raises(Interrupt):
            wait_for_end(sleeping.pid, timeout)
        sender.result()
        assert wait_for_end(sleeping.pid, 0) is False

    def test_a_handler_that_returns(self, sleeping, on_signal, when_main_sleeps):
        on_signal(sleeping.kill)
        sender = when_main_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1))
        assert wait_for_end(sleeping.pid) is True
        sender.result()

    def test_the_deadline_stays(self, sleeping, on_signal, when_main_sleeps):
        on_signal(lambda: None)
        sender = when_main_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1))
        before = time.monotonic()
        assert wait_any([sleeping], 0.2) == []
        assert time.monotonic() - before >= 0.2
        sender.result()


class TestAny:
    def test_those_that_have_ended_in_their_order(self, sleepers):
        children = sleepers(6)
        for i in (4, 1):
            children[i].kill()
            assert wait_for_end(children[i].pid)
        assert wait_any(children) == [children[1], children[4]]
        assert [child.returncode for child in children] == [None, -9, None, None, -9, None]

    def test_one_ends_meanwhile(self, sleepers, spawn):
        children = sleepers(50)
        waiting = spawn(wait_any, children).settle()
        os.kill(children[30].pid, signal.SIGTERM)
        assert waiting.result() == [children[30]]
        assert children[30].returncode == -signal.SIGTERM
        with pytest.raises(ChildProcessError):
            os.waitpid(children[30].pid, os.WNOHANG)

    def test_those_known_to_have_ended_do_not_wait(self, sleepers):
        children = sleepers(3)
        children[2].kill()
        children[2].wait()
        assert wait_any(children) == [children[2]]
        assert wait_any(iter(children), 0) == [children[2]]

    def test_the_timeout(self, sleepers):
        children = sleepers(3)
        for timeout in (0, -1, 0.05):
            before = time.monotonic()
            assert wait_any(children, timeout) == []
            assert time.monotonic() - before >= timeout

    def test_nobody(self):
        assert wait_any([]) == []
        assert wait_any((), 0) == []

    def test_the_same_one_twice(self, sleeping):
        sleeping.kill()
        assert wait_any([sleeping, sleeping]) == [sleeping, sleeping]

    def test_those_of_the_standard_library(self, sleepers):
        children = sleepers(2, subprocess) + sleepers(1)
        children[0].kill()
        assert wait_any(children) == [children[0]]
        assert children[0].returncode == -9

    def test_all_one_after_the_other(self, sleepers, spawn):
        children = sleepers(40)

        def kill_all():
            for child in children[::-1]:
                os.kill(child.pid, signal.SIGKILL)

        killer = spawn(kill_all)
        left = list(children)
        while left:
            for child in wait_any(left, 30):
                assert child.returncode == -9
                left.remove(child)
        killer.result()

    def test_another_thread_reaps_it(self, sleepers, spawn):
        """Whoever comes second still sees the status."""
        children = sleepers(30)
        reapers = [spawn(child.wait) for child in children]
        waiting = spawn(wait_any, children).settle()
        for child in children:
            os.kill(child.pid, signal.SIGTERM)
        assert {child.returncode for child in waiting.result()} == {-signal.SIGTERM}
        assert {task.result() for task in reapers} == {-signal.SIGTERM}

    def test_when_the_kernel_reaps(self, ignored_children, spawn):
        children = [ours.Popen(["sleep", "1000"]) for _ in range(3)]
        waiting = spawn(wait_any, children).settle()
        children[1].kill()
        assert waiting.result() == [children[1]]
        for child in children:
            child.kill()
            child.wait()

    def test_more_children_than_descriptors(self, sleepers, spawn, few_descriptors):
        children = sleepers(60)
        few_descriptors()
        assert wait_any(children, 0.05) == []
        waiting = spawn(wait_any, children)
        os.kill(children[59].pid, signal.SIGKILL)
        assert waiting.result() == [children[59]]

    def test_what_is_no_child(self):
        with pytest.raises(AttributeError):
            wait_any([5])
        with pytest.raises(TypeError):
            wait_any(5)

    def test_hundreds(self, sleepers, spawn):
        children = sleepers(400)
        waiting = spawn(wait_any, children).settle()
        os.kill(children[399].pid, signal.SIGKILL)
        assert waiting.result() == [children[399]]


@pytest.mark.skipif(os.environ.get("HASTEN_PORTABLE") == "1", reason="without pidfds the child is asked for")
def test_a_wait_costs_nothing(sleeping, spawn):
    """One sleep, however long: the thread is not seen running in between."""
    waiting = spawn(wait_for_end, sleeping.pid, 60).settle()
    switches = voluntary_switches(waiting.native_id)
    assert wait_for_end(sleeping.pid, 0.5) is False
    assert voluntary_switches(waiting.native_id) == switches
    sleeping.kill()
    assert waiting.result() is True


def voluntary_switches(thread):
    with open(f"/proc/self/task/{thread}/status") as file:
        return next(line for line in file if line.startswith("voluntary_ctxt_switches"))


def test_nothing_is_left_of_ten_thousand_waits(sleeping):
    process = psutil.Process()
    before = process.num_fds(), process.num_threads()
    for _ in range(10_000):
        assert wait_for_end(sleeping.pid, 1e-6) is False
    assert (process.num_fds(), process.num_threads()) == before


PORTABLE = """
import os, signal, subprocess, threading, time
from hasten.subprocess._child_end import wait_any, wait_for_end

children = [subprocess.Popen(["sleep", "1000"]) for _ in range(5)]
assert wait_for_end(children[0].pid, 0) is False
assert wait_for_end(children[0].pid, 0.05) is False
assert wait_any(children, 0.05) == []
assert threading.active_count() == len(os.listdir("/proc/self/task")) == 1

def handler(*_):
    raise LookupError

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    wait_any(children)
except LookupError:
    print("interrupted")

threading.Timer(0.1, children[3].kill).start()
assert wait_any(children) == [children[3]]
children[0].kill()
assert wait_for_end(children[0].pid)
assert children[0].wait() == -9
assert wait_for_end(children[0].pid)
for child in children:
    child.kill()
    child.wait()
while len(os.listdir("/proc/self/task")) != threading.active_count():  # the timer's thread may be ending
    time.sleep(0.001)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="looks into /proc")
@pytest.mark.parametrize("portable", ["0", "1"])
def test_without_the_kernels_descriptors(python, portable):
    assert python(PORTABLE, env={"HASTEN_PORTABLE": portable}) == "interrupted\n"


def test_no_threads_left(python):
    """The message names the way out."""
    program = """
import resource, subprocess
from hasten.subprocess._child_end import wait_any

children = [subprocess.Popen(["sleep", "1000"]) for _ in range(20)]
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (size + 300_000, resource.RLIM_INFINITY))
try:
    wait_any(children, 60)
except OSError as error:
    print("RLIMIT_NOFILE" in str(error) and "20 children" in str(error))
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
for child in children:
    child.kill()
    child.wait()
"""
    assert python(program, env={"HASTEN_PORTABLE": "1"}) == "True\n"


@pytest.mark.parametrize("portable", ["0", "1"])
def test_while_the_interpreter_ends(portable):
    """A daemon thread that waits does not keep the program."""
    program = (
        "import subprocess, threading, sys\n"
        "from hasten.subprocess._child_end import wait_for_end\n"
        "child = subprocess.Popen(['sleep', '1000'], stdout=subprocess.DEVNULL)\n"
        "threading.Thread(target=wait_for_end, args=(child.pid,), daemon=True).start()\n"
        "print(child.pid)\n"
        "child.returncode = 0\n"
    )
    command = [sys.executable, "-c", program]
    env = {**os.environ, "HASTEN_PORTABLE": portable}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, timeout=30, check=True
    )
    os.kill(int(done.stdout), signal.SIGKILL)


def test_in_a_forked_child(sleeping, spawn):
    """While a thread of the parent waits; the child has no children."""
    from support.forked import in_child

    waiting = spawn(wait_for_end, sleeping.pid).settle()
    in_child(lambda: check(wait_for_end(sleeping.pid, 30), threading.active_count() == 1))
    sleeping.kill()
    assert waiting.result() is True


def check(*values):
    assert all(values)
