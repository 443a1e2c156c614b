"""Ctrl-C and other signals while a child is started, waited for or talked to.

Each program runs in a process group of its own, and the signal goes to the whole group, as from a terminal.
"""

import os
import signal
import subprocess
import sys
import time

import pytest
from support.children import descriptors_of, has_ended
from support.signalling import Interrupt, interrupt

PROGRAM = """
import os, signal, sys
import {module} as subprocess
signal.signal(signal.SIGINT, signal.default_int_handler)
command = ["sh", "-c", "{trap} echo $$ >&2; while :; do sleep 0.01; done"]
try:
    {call}
except KeyboardInterrupt:
    print("interrupted")
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child")
"""
CALLS = {
    "run": "subprocess.run(command)",
    "run with a timeout": "subprocess.run(command, timeout=1000)",
    "run with output": "subprocess.run(command, stdout=subprocess.PIPE)",
    "run with everything": "subprocess.run(command, stdout=subprocess.PIPE, input=b'x', timeout=1000)",
    "call": "subprocess.call(command)",
    "check_output": "subprocess.check_output(command)",
    "with": "with subprocess.Popen(command) as child: child.wait()",
}


@pytest.fixture
def group():
    """Start a program as the leader of a process group, all of which ends with the test."""
    started = []

    def start(program):
        command = [sys.executable, "-c", program]
        pipes = dict.fromkeys(["stdout", "stderr"], subprocess.PIPE)
        started.append(subprocess.Popen(command, start_new_session=True, text=True, **pipes))
        return started[-1]

    yield start
    for child in started:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            """All of it has ended."""
        with child:
            """It is waited for."""


def waits_for_its_child(program):
    """Return what the child says first, once the program has gone to sleep over it."""
    said = program.stderr.readline()
    seen = 0
    while seen < 20:
        with open(f"/proc/{program.pid}/stat") as stat:
            seen = seen + 1 if stat.read().rpartition(")")[2].split()[0] == "S" else 0
        time.sleep(0.001)
    return said


@pytest.mark.parametrize("call", CALLS)
def test_control_c(impl, group, call):
    """Both the program and its child get it; the child ends by itself and is reaped."""
    program = group(PROGRAM.format(module=impl.__name__, trap="", call=CALLS[call]))
    waits_for_its_child(program)
    os.killpg(program.pid, signal.SIGINT)
    out, err = program.communicate(timeout=40)
    assert (out, err) == ("interrupted\nno child\n", "")


@pytest.mark.parametrize("call", [call for call in CALLS if call != "with"])
def test_control_c_and_a_child_that_ignores_it(impl, group, until, call):
    """It has a moment to end by itself; then run() kills it."""
    program = group(PROGRAM.format(module=impl.__name__, trap="trap '' INT;", call=CALLS[call]))
    child = int(waits_for_its_child(program))
    os.killpg(program.pid, signal.SIGINT)
    out, err = program.communicate(timeout=40)
    assert (out.splitlines()[0], err) == ("interrupted", "")
    until(lambda: has_ended(child))


def test_a_child_has_time_to_end_by_itself_after_control_c(impl, group):
    trap = "trap 'echo cleaned up >&2; exit 0' INT;"
    program = group(PROGRAM.format(module=impl.__name__, trap=trap, call=CALLS["run"]))
    waits_for_its_child(program)
    os.killpg(program.pid, signal.SIGINT)
    out, err = program.communicate(timeout=40)
    assert (out, err) == ("interrupted\nno child\n", "cleaned up\n")


WAITS = {
    "wait": lambda child: child.wait(),
    "wait with a timeout": lambda child: child.wait(1000),
    "communicate": lambda child: child.communicate(),
    "communicate with a timeout": lambda child: child.communicate(timeout=1000),
    "communicate with input": lambda child: child.communicate(b"x" * 1_000_000),
}


@pytest.mark.parametrize("wait", WAITS)
def test_a_handler_that_raises_ends_the_wait(impl, sleeper, wait, on_signal, when_main_sleeps):
    streams = dict.fromkeys(["stdin", "stdout"], impl.PIPE) if "communicate" in wait else {}
    child = sleeper(**streams)
    on_signal(interrupt)
    sender = when_main_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1))
    with pytest.raises(Interrupt):
        WAITS[wait](child)
    sender.result()
    assert child.poll() is None


@pytest.mark.parametrize("wait", WAITS)
def test_a_handler_runs_and_the_wait_goes_on(impl, sleeper, wait, on_signal, when_main_sleeps):
    """The handler's kill is what the wait then sees."""
    streams = dict.fromkeys(["stdin", "stdout"], impl.PIPE) if "communicate" in wait else {}
    child, calls = sleeper(**streams), []

    def handle():
        calls.append(1)
        child.kill()

    on_signal(handle)
    sender = when_main_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1))
    WAITS[wait](child)
    sender.result()
    assert (calls, child.returncode) == ([1], -9)


@pytest.mark.parametrize("wait", ["wait", "communicate"])
def test_signals_do_not_move_the_deadline(impl, sleeper, spawn, wait, on_signal):
    child, handled = sleeper(stdout=impl.PIPE), []
    on_signal(lambda: handled.append(1))

    def annoy():
        while not over:
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.01)

    over = []
    annoyer = spawn(annoy)
    try:
        with pytest.raises(impl.TimeoutExpired):
            getattr(child, wait)(timeout=0.3)
    finally:
        over.append(1)
    annoyer.result()
    assert handled


def test_output_is_kept_over_an_interrupt(impl, on_signal, when_main_sleeps):
    """communicate() may be called again."""
    reader, writer = os.pipe()
    command = ["sh", "-c", "printf early; read _; printf late"]  # which waits until it was interrupted
    child = impl.Popen(command, stdin=reader, stdout=impl.PIPE, stderr=impl.PIPE)
    with open(reader, "rb"), open(writer, "wb", buffering=0) as go_on, child:
        with pytest.raises(impl.TimeoutExpired):
            child.communicate(timeout=0.1)
        on_signal(interrupt)
        sender = when_main_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1))
        with pytest.raises(Interrupt):
            child.communicate()
        go_on.write(b"\n")
        assert child.communicate() == (b"earlylate", b"")
        sender.result()


def test_signals_all_the_time_while_children_start(impl, spawn, on_signal):
    """A handler never runs in a child, whose memory is the parent's until its program starts."""
    handled, over = [], []
    on_signal(lambda: handled.append(os.getpid()))

    def annoy():
        """The next one as soon as the last is handled: faster, and the main thread would do nothing else."""
        sent = 0
        while not over:
            if len(handled) >= sent:
                os.kill(os.getpid(), signal.SIGUSR1)
                sent += 1
            time.sleep(0)

    before = descriptors_of(os.getpid())
    annoyer = spawn(annoy)
    try:
        for number in range(100):
            assert impl.run(["sh", "-c", f"exit {number}"]).returncode == number
            with pytest.raises(FileNotFoundError):
                impl.run(["no-such-program"])
    finally:
        over.append(1)
    annoyer.result()
    assert set(handled) == {os.getpid()}
    assert descriptors_of(os.getpid()) == before


def test_a_group_killed_in_the_middle_of_starts(impl, group, until):
    """Nothing but the group itself ends: no child has slipped out of it."""
    program = group(
        f"import {impl.__name__} as subprocess\nprint(flush=True)\nwhile 1: subprocess.run(['true'])"
    )
    program.stdout.readline()
    os.killpg(program.pid, signal.SIGKILL)
    assert program.wait(30) == -signal.SIGKILL

    def all_gone():
        try:
            os.killpg(program.pid, 0)
        except ProcessLookupError:
            return True

    until(all_gone)
