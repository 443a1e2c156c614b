"""How a child's end is seen: wait(), poll(), returncode, and signals sent in each state."""

import os
import signal
import threading

import pytest
from support.children import has_ended, is_gone


@pytest.fixture
def ended(impl, until):
    """A child that is a zombie: it has ended, and nobody has waited for it."""
    child = impl.Popen(["sh", "-c", "exit 3"])
    until(lambda: has_ended(child.pid))
    yield child
    child.wait()


@pytest.mark.parametrize("status", [0, 1, 2, 127, 128, 255])
@pytest.mark.parametrize("see", ["wait", "communicate", "with", "poll", "wait with a timeout"])
def test_exit_status(impl, until, status, see):
    child = impl.Popen(["sh", "-c", f"exit {status}"])
    assert child.returncode is None
    if see == "wait":
        assert child.wait() == status
    elif see == "wait with a timeout":
        assert child.wait(timeout=30) == status
    elif see == "communicate":
        child.communicate()
    elif see == "with":
        with child:
            """It waits."""
    else:
        until(lambda: child.poll() is not None)
    assert child.returncode == child.poll() == child.wait() == child.wait(0) == status
    assert is_gone(child.pid)


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGRTMAX, signal.SIGHUP]
)
def test_killed_by_a_signal(impl, sleeper, number):
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("the test run ignores it (nohup does that), and children inherit that")
    child = sleeper()
    os.kill(child.pid, number)
    assert child.wait() == -number
    assert type(child.returncode) is int


def test_a_core_dump_is_a_signal_too(impl):
    done = impl.run(["sh", "-c", "ulimit -c 0; kill -ABRT $$"])
    assert done.returncode == -signal.SIGABRT


def test_poll_does_not_wait(sleeper):
    child = sleeper()
    assert child.poll() is None
    assert child.returncode is None


def test_poll_reaps(ended):
    assert ended.returncode is None
    assert ended.poll() == 3
    assert is_gone(ended.pid)


@pytest.mark.parametrize("timeout", [0.01, 0.05, 1e-9])
def test_wait_times_out(impl, sleeper, timeout):
    child = sleeper()
    with pytest.raises(impl.TimeoutExpired) as info:
        child.wait(timeout)
    assert (info.value.cmd, info.value.timeout, info.value.output) == (child.args, timeout, None)
    assert child.returncode is None


@pytest.mark.parametrize("timeout", [0, -1, -1e300, 0.0, False])
def test_wait_with_no_time(impl, sleeper, timeout):
    with pytest.raises(impl.TimeoutExpired) as info:
        sleeper().wait(timeout=timeout)
    assert info.value.timeout == timeout


@pytest.mark.parametrize("timeout", [0, 0.01, 10, None])
def test_wait_for_what_has_ended(ended, timeout):
    assert ended.wait(timeout) == 3


@pytest.mark.since(3, 15)
@pytest.mark.parametrize("timeout", [-1, -0.5])
def test_less_than_no_time_is_over_even_for_what_has_ended(impl, ended, timeout):
    with pytest.raises(impl.TimeoutExpired):
        ended.wait(timeout)


@pytest.mark.parametrize("timeout", [1e9, 1e300, float("inf"), 10**30])
def test_wait_for_ages(impl, timeout):
    if impl.__name__ == "subprocess":
        pytest.skip("the standard library overflows or not, as the version has it")
    child = impl.Popen(["sleep", "0.05"])
    assert child.wait(timeout) == 0


@pytest.mark.parametrize("timeout", ["1", [], object(), 1j])
def test_wait_for_no_number(sleeper, timeout):
    with pytest.raises(TypeError):
        sleeper().wait(timeout)


def test_wait_for_not_a_number(impl, sleeper):
    if impl.__name__ == "subprocess":
        pytest.skip("the standard library refuses it or not, as the version has it")
    with pytest.raises(ValueError, match="NaN"):
        sleeper().wait(float("nan"))


def test_a_real_number_is_a_timeout(impl):
    from fractions import Fraction

    with impl.Popen(["true"]) as child:
        assert child.wait(Fraction(30)) == 0


@pytest.mark.parametrize("timeout", [None, 30])
def test_wait_in_many_threads(sleeper, spawn, timeout):
    child = sleeper()
    tasks = [spawn(child.wait, timeout).settle() for _ in range(8)]
    child.kill()
    assert [task.result() for task in tasks] == [-9] * 8


def test_wait_and_poll_at_once(sleeper, spawn):
    child, seen = sleeper(), []
    over = threading.Event()

    def poll():
        while not over.is_set():
            seen.append(child.poll())

    poller = spawn(poll)
    waiters = [spawn(child.wait, timeout) for timeout in (None, 30)]
    child.kill()
    assert [task.result() for task in waiters] == [-9] * 2
    over.set()
    poller.result()
    assert set(seen) <= {None, -9}
    assert child.poll() == -9


def test_a_timeout_in_one_thread_while_another_waits(impl, sleeper, spawn):
    child = sleeper()
    waiter = spawn(child.wait).settle()
    for timeout in [0, 0.05]:
        with pytest.raises(impl.TimeoutExpired):
            child.wait(timeout)
    assert child.poll() is None
    child.kill()
    assert waiter.result() == -9


@pytest.mark.parametrize("method, number", [("terminate", 15), ("kill", 9)])
def test_terminate_and_kill(sleeper, method, number):
    child = sleeper()
    assert getattr(child, method)() is None
    assert child.wait() == -number


@pytest.mark.parametrize("number", [signal.SIGUSR1, 12, signal.SIGINT])
def test_send_signal(sleeper, number):
    child = sleeper()
    assert child.send_signal(number) is None
    assert child.wait() == -number


def test_send_signal_zero_only_asks(sleeper):
    child = sleeper()
    child.send_signal(0)
    assert child.poll() is None


@pytest.mark.parametrize(
    "number, error", [(1000, OSError), (-5, OSError), ("TERM", TypeError), (None, TypeError)]
)
def test_no_signal(sleeper, number, error):
    child = sleeper()
    with pytest.raises(error):
        child.send_signal(number)
    assert child.poll() is None


@pytest.mark.parametrize("method", ["terminate", "kill"])
def test_a_signal_to_one_that_has_ended(ended, method):
    """No error, and its status is not lost."""
    getattr(ended, method)()
    assert ended.wait() == 3


@pytest.mark.parametrize("method", ["terminate", "kill"])
def test_a_signal_to_one_that_is_gone(impl, monkeypatch, method):
    """Nothing is sent: the number may be another process's by now."""
    child = impl.Popen(["true"])
    child.wait()
    monkeypatch.setattr(os, "kill", lambda *args: pytest.fail("a signal was sent"))
    getattr(child, method)()
    child.send_signal(signal.SIGKILL)


def test_a_number_used_again_is_left_alone(impl, sleeper):
    """The pid of a child that was reaped is given to another one, as far as the object can tell."""
    child = impl.Popen(["true"])
    child.wait()
    bystander = sleeper()
    child.pid = bystander.pid
    child.kill()
    child.send_signal(9)
    assert child.poll() == 0
    with pytest.raises(impl.TimeoutExpired):
        bystander.wait(0.05)


def test_a_stopped_child_has_not_ended(impl, sleeper, until):
    child = sleeper()
    child.send_signal(signal.SIGSTOP)
    with pytest.raises(impl.TimeoutExpired):
        child.wait(0.1)
    assert child.poll() is None
    child.send_signal(signal.SIGCONT)
    with pytest.raises(impl.TimeoutExpired):
        child.wait(0.1)
    child.kill()
    assert child.wait() == -9


def test_a_traced_or_stopped_child_is_killed(sleeper):
    child = sleeper()
    child.send_signal(signal.SIGSTOP)
    child.kill()
    assert child.wait() == -9


def test_returncode_is_the_callers_to_set(impl):
    """As some programs do that reap their children themselves."""
    child = impl.Popen(["true"])
    _, status = os.waitpid(child.pid, 0)
    child.returncode = os.WEXITSTATUS(status)
    assert child.wait() == child.poll() == 0


@pytest.mark.parametrize("see", ["wait", "poll", "wait with a timeout", "communicate", "send_signal"])
def test_reaped_by_somebody_else(impl, see):
    """Its status is lost; 0 stands for it, as in the standard library."""
    child = impl.Popen(["sh", "-c", "exit 3"], stdout=impl.PIPE)
    os.waitpid(child.pid, 0)
    if see == "wait":
        child.wait()
    elif see == "wait with a timeout":
        child.wait(10)
    elif see == "communicate":
        child.communicate()
    elif see == "poll":
        child.poll()
    else:
        child.send_signal(signal.SIGTERM)
        child.wait()
    child.stdout.close()
    assert child.returncode == 0


@pytest.mark.parametrize("timeout", [None, 30])
def test_reaped_by_somebody_else_during_wait(sleeper, spawn, timeout):
    child = sleeper()
    reaper = spawn(os.waitpid, child.pid, 0).settle()
    waiter = spawn(child.wait, timeout).settle()
    os.kill(child.pid, 9)
    assert waiter.result() in (0, -9)
    try:
        reaper.result()
    except ChildProcessError:
        assert child.returncode == -9


SIGCHLD_IGNORED = """
import os, signal
import {module} as subprocess
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(subprocess.run(["false"]).returncode)
print(subprocess.run(["echo", "a"], capture_output=True, timeout=30))
child = subprocess.Popen(["sleep", "0.1"])
print(child.wait(timeout=30), child.poll())
try:
    subprocess.run(["no-such-program"])
except FileNotFoundError:
    print("missing")
child = subprocess.Popen(["sleep", "1000"])
child.kill()
child.wait()
child.kill()
"""


def test_with_sigchld_ignored(impl, python):
    """The kernel keeps no status then."""
    expected = [
        "0",
        "CompletedProcess(args=['echo', 'a'], returncode=0, stdout=b'a\\n', stderr=b'')",
        "0 0",
        "missing",
    ]
    assert python(SIGCHLD_IGNORED.format(module=impl.__name__)).splitlines() == expected


def test_with_a_handler_that_reaps_all_children(impl, python):
    program = f"""
import os, signal
import {impl.__name__} as subprocess
def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
signal.signal(signal.SIGCHLD, reap)
codes = set()
for _ in range(30):
    codes.add(subprocess.run(["false"], timeout=30).returncode)
    codes.add(subprocess.run(["false"], capture_output=True).returncode)
print(codes <= {{0, 1}})
"""
    assert python(program) == "True\n"


def test_other_children_are_not_reaped(impl, sleeper, until):
    other = os.fork()
    if other == 0:
        os._exit(7)
    until(lambda: has_ended(other))
    impl.run(["true"])
    impl.run(["true"], timeout=30)
    impl.run(["true"], capture_output=True)
    assert os.WEXITSTATUS(os.waitpid(other, 0)[1]) == 7
