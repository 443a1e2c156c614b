"""A signal that arrives between the last look at the signals and the sleep ends the sleep.

The kernel sends it after a time that grows by a little from try to try, so that some come in just then.  One
that is slept over lets the timeout pass.
"""

import contextlib
import signal

import pytest
from support.signalling import Interrupt

import hasten.subprocess as ours
from hasten.subprocess import PIPE, Popen
from hasten.subprocess._child_end import wait_any, wait_for_end

SECONDS = 20  # the timeout of each wait
FIRST, LAST, TRIES = 1e-6, 150e-6, 400  # seconds until the signal

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer()")


@pytest.fixture
def sleeper():
    with Popen(["sleep", "1000"], stdin=PIPE, stdout=PIPE, stderr=PIPE) as child:
        yield child
        child.kill()


@pytest.fixture(params=[False, True], ids=["one thread", "threads"])
def threads(request, spawn):
    """Another thread may get the signal while this one holds it back."""
    if not request.param:
        yield
        return
    with Popen(["sleep", "1000"]) as other:
        spawn(wait_for_end, other.pid).settle()
        yield
        other.kill()


@pytest.fixture
def alarm():
    """Let SIGALRM raise, once, after a time."""

    def handler(*_):
        raise Interrupt

    before = signal.signal(signal.SIGALRM, handler)
    yield lambda delay: signal.setitimer(signal.ITIMER_REAL, delay)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def wait_with_timeout(child):
    with contextlib.suppress(ours.TimeoutExpired):
        child.wait(SECONDS)


def communicate(child):
    with contextlib.suppress(ours.TimeoutExpired):
        child.communicate(timeout=SECONDS)


WAITS = {
    "wait_for_end": lambda child: wait_for_end(child.pid, SECONDS),
    "wait_any": lambda child: wait_any([child, child], SECONDS),
    "wait": wait_with_timeout,
    "communicate": communicate,
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=list(WAITS))
def test_no_signal_is_slept_over(wait, sleeper, alarm, threads):
    for number in range(TRIES):
        with pytest.raises(Interrupt):
            alarm(FIRST + (LAST - FIRST) * number / TRIES)
            wait(sleeper)
