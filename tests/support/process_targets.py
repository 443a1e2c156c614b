"""What child processes run in tests: a spawned child imports this module, and nothing else of the test."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from typing import Any


def nothing() -> None:
    pass


def leave_with_loaded(module: str) -> None:
    """Exit with 7 if this process has the module already, and else with 0."""
    sys.exit(7 if module in sys.modules else 0)


def write(fd: int, text: str) -> None:
    os.write(fd, text.encode())


def send_self(connection: Any, module: str) -> None:
    """Send what this process knows of itself by the multiprocessing module of that name."""
    __import__(module)
    process = sys.modules[module].current_process()
    parent = sys.modules[module].parent_process()
    connection.send((process.name, process.daemon, process._identity, process.pid == os.getpid(),
                     bytes(process.authkey), parent.pid, parent.name, parent.is_alive()))  # fmt: skip


def sleep_long(connection: Any = None) -> None:
    if connection is not None:
        connection.send("asleep")
    time.sleep(600)


def ignore_and_sleep(connection: Any, number: int) -> None:
    signal.signal(number, signal.SIG_IGN)
    connection.send("deaf")
    time.sleep(600)


def leave(code: Any) -> None:
    sys.exit(code)


def fail(text: str) -> None:
    raise ZeroDivisionError(text)


def end_at_once(code: int) -> None:
    os._exit(code)


def die(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(600)


def at_exit(connection: Any) -> None:
    from multiprocessing import util

    util.Finalize(None, connection.send, args=("finalizer",), exitpriority=5)
    atexit.register(connection.send, "atexit")
    connection.send("target")


def wait_for_parent(connection: Any) -> None:
    from multiprocessing import parent_process

    connection.send(os.getpid())
    parent_process().join()  # type: ignore[union-attr]
    connection.send("the parent has ended")


def modules(connection: Any) -> None:
    """Write the names of the modules; *connection* is a descriptor."""
    os.write(connection, " ".join(sorted(sys.modules)).encode())
