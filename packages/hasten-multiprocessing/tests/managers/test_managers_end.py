"""The end of a manager's server that has been asked by the pipe of its start."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import pytest

import hasten.multiprocessing as impl
from hasten.multiprocessing import managers

FORK = impl.get_context("fork")

ENDS = """
from hasten.multiprocessing import get_context

if __name__ == "__main__":
    for _ in range(20):
        with get_context("spawn").Manager() as manager:
            manager.list([1])
"""


def test_a_server_that_ends_leaves_no_socket_open(tmp_path: Any) -> None:
    program = tmp_path / "program.py"
    program.write_text(ENDS)
    command = [sys.executable, "-W", "error", str(program)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def _have_the_other_thread_first() -> None:
    """In the server: the main thread ends it when the accepter has ended, or is about to remove the path."""
    unlink, leave = os.unlink, sys.exit
    removes = threading.Event()

    def slow_unlink(path: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            removes.set()
            threading.Event().wait()
        unlink(path)

    def late_exit(code: Any) -> None:
        while threading.active_count() > 1 and not removes.wait(0.001):
            pass
        leave(code)

    os.unlink, sys.exit = slow_unlink, late_exit  # type: ignore[assignment]


def test_the_path_of_a_listener_is_removed_before_the_server_ends(tmp_path: Any) -> None:
    path = str(tmp_path / "listener")
    manager = managers.SyncManager(path, ctx=FORK)
    manager.start(_have_the_other_thread_first)
    process = manager._process
    assert os.path.exists(path)
    manager.shutdown()
    assert process.exitcode == 0 and not os.path.exists(path)
    process.close()


def test_a_server_ends_well_whose_path_is_gone(tmp_path: Any, capfd: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "listener")
    manager = managers.SyncManager(path, ctx=FORK)
    manager.start()
    process = manager._process
    os.unlink(path)
    manager.shutdown()
    assert process.exitcode == 0 and capfd.readouterr().err == ""
    process.close()


class AskingServer(managers.Server):
    """One that waits at its end for somebody who needs a connection for that."""

    def shutdown(self, c: Any) -> None:
        impl.connection.Client(self.address, authkey=self.authkey).close()
        super().shutdown(c)


class AskingManager(managers.SyncManager):
    _Server = AskingServer


def test_a_server_that_takes_connections_at_its_end() -> None:
    manager = AskingManager(ctx=FORK)
    manager.start()
    process = manager._process
    manager.shutdown()
    assert process.exitcode == 0
    process.close()
