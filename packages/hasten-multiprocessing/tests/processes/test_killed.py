"""What starts children, the fork server and the process that forks for us: killed, and what they load."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from multiprocessing import forkserver
from typing import Any

import psutil
import pytest
from support import process_targets as targets
from support.children import has_ended, has_zygote
from support.tasks import until

import hasten.multiprocessing
from hasten.multiprocessing._start import _requests

CONTEXT = hasten.multiprocessing.get_context("forkserver")


@pytest.fixture(autouse=True)
def children() -> Iterator[None]:
    yield
    for child in hasten.multiprocessing.active_children():
        child.kill()
        child.join()
        child.close()


def started(target: Any, *args: Any) -> Any:
    child = CONTEXT.Process(target=target, args=args)
    child.start()
    return child


with_zygote = pytest.mark.skipif(not has_zygote(), reason="the server itself forks each child")


def zygote_of(child: Any) -> psutil.Process:
    parent = psutil.Process(child.pid).parent()
    assert parent is not None
    return parent


@with_zygote
def test_the_zygote_has_what_its_children_need() -> None:
    child = started(targets.leave_with_loaded, "hasten.multiprocessing._start._inherited")
    child.join(30)
    assert child.exitcode == 7


@with_zygote
def test_the_zygote_is_killed() -> None:
    child = started(targets.sleep_long)
    zygote = zygote_of(child)
    zygote.kill()
    child.join(30)
    assert child.exitcode == 255  # nobody will ever know
    until(lambda: has_ended(zygote.pid))
    os.kill(child.pid, signal.SIGKILL)
    child = started(targets.leave, 3)
    child.join(30)
    assert child.exitcode == 3


@with_zygote
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_is_killed(number: int) -> None:
    first = started(targets.sleep_long)
    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    os.kill(server, number)
    os.waitid(os.P_PID, server, os.WEXITED | os.WNOWAIT)
    second = started(targets.leave, 3)
    second.join(30)
    assert second.exitcode == 3
    assert forkserver._forkserver._forkserver_pid != server  # type: ignore[attr-defined]
    first.kill()
    first.join(30)
    assert first.exitcode == -signal.SIGKILL


@with_zygote
def test_the_zygote_ends_with_the_server() -> None:
    """It has the resource tracker's pipe: who stops the server and then the tracker would wait for ever."""
    child = started(targets.sleep_long)
    zygote = zygote_of(child)
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    assert zygote.is_running()  # it is still to tell the exit code
    child.kill()
    child.join(30)
    assert child.exitcode == -signal.SIGKILL
    until(lambda: has_ended(zygote.pid))


@pytest.mark.skipif(sys.version_info < (3, 14), reason="the fork server asks for no key")
def test_a_wrong_key_is_refused_by_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    started(targets.nothing).join()
    monkeypatch.setattr(forkserver._forkserver, "_forkserver_authkey", b"not the key")  # type: ignore[attr-defined]
    with pytest.raises(hasten.multiprocessing.AuthenticationError):
        started(targets.nothing)
    monkeypatch.undo()
    child = started(targets.leave, 3)
    child.join(30)
    assert child.exitcode == 3


@with_zygote
def test_no_interrupt_ends_the_zygote() -> None:
    child = started(targets.sleep_long)
    zygote_of(child).send_signal(signal.SIGINT)
    assert child.is_alive()
    second = started(targets.leave, 3)
    second.join(30)
    assert second.exitcode == 3
    assert zygote_of(child).is_running()


@with_zygote
def test_a_request_that_was_interrupted_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer would be taken for the next child's."""
    started(targets.nothing).join()

    class Interrupted(_requests.Zygote):
        def child(self, *request: Any) -> int:
            super().child(*request)
            raise KeyboardInterrupt

    zygote = _requests._zygote
    assert zygote is not None
    zygote.__class__ = Interrupted
    with pytest.raises(KeyboardInterrupt):
        started(targets.nothing)
    assert _requests._zygote is None
    child = started(targets.leave, 3)
    child.join(30)
    assert child.exitcode == 3


def test_many_descriptors_are_refused() -> None:
    class Many:
        def __reduce__(self) -> Any:
            popen = hasten.multiprocessing.context.get_spawning_popen()
            for _ in range(300):
                popen.duplicate_for_child(0)
            return int, ()

    with pytest.raises(ValueError, match="too many fds"):
        started(targets.leave, Many())


def test_killed_children_of_all_kinds() -> None:
    for method in ("fork", "spawn", "forkserver"):
        context = hasten.multiprocessing.get_context(method)
        children = [context.Process(target=targets.sleep_long) for _ in range(4)]
        for child in children:
            child.start()
            os.kill(child.pid, signal.SIGKILL)  # at any moment of its start
        for child in children:
            child.join(30)
            assert child.exitcode == -signal.SIGKILL
