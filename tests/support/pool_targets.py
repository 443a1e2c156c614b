"""What the workers of pools run in tests: a spawned child imports this module only."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import subprocess
import sys
import time
from typing import Any

state: list[Any] = []


def square(x: Any) -> Any:
    return x * x


def add(x: Any, y: Any = 0, *, z: Any = 0) -> Any:
    return x + y + z


def fail(x: Any) -> None:
    raise ValueError(f"no {x}")


def fail_on(bad: Any, x: Any) -> Any:
    if x == bad:
        raise ValueError(f"no {x}")
    return x


class Leaver:
    """Calls sys.exit() where it is unpickled."""

    def __reduce__(self) -> Any:
        return sys.exit, (3,)


def leaver(_: Any = None) -> Leaver:
    return Leaver()


def text_of(path: str) -> str:
    """What is in a file; of a FIFO, what somebody writes there, whom this waits for."""
    with open(path) as file:
        return file.read()


def nap(seconds: float, value: Any = None) -> Any:
    time.sleep(seconds)
    return value


def leave(code: Any) -> None:
    sys.exit(code)


def leave_hard(code: int) -> None:
    os._exit(code)


def interrupt(_: Any = None) -> None:
    raise KeyboardInterrupt


def kill_self(number: int = signal.SIGKILL) -> None:
    os.kill(os.getpid(), number)
    time.sleep(30)


def kill_self_unless(value: Any) -> Any:
    if value is None:
        kill_self()
    return value


def use_pool(module: str) -> Any:
    """Make a pool of processes, of that module, and have it work."""
    with importlib.import_module(module).ProcessPoolExecutor(1) as pool:
        return pool.submit(square, 3).result()


def die_until(folder: str, deaths: int) -> int:
    """Leave a file and die; when there are enough of them, tell how many."""
    found = len(os.listdir(folder))
    if found < deaths:
        with open(os.path.join(folder, str(found)), "w"):
            pass
        kill_self()
    return found


def grown(data: bytes, n: int) -> bytes:
    return data + bytes([n])


def pid(_: Any = None) -> int:
    return os.getpid()


def pid_and_nap(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def keep_memory(size: int) -> int:
    """Have that many bytes from now on."""
    state.append(bytearray(b"x") * size)
    return os.getpid()


def use_memory(size: int) -> int:
    """Have that many bytes for a moment."""
    return os.getpid() if len(bytearray(b"x") * size) == size else 0


def pid_and_sleep(path: str) -> None:
    """Tell the pid in a file, and stay."""
    with open(path + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(path + ".new", path)
    time.sleep(60)


def nothing_picklable(_: Any = None) -> Any:
    return lambda: None


class Needy(Exception):
    """Is pickled, and cannot be unpickled."""

    def __init__(self, a: Any, b: Any) -> None:
        super().__init__(f"{a} and {b}")


def fail_needy(_: Any = None) -> None:
    raise Needy(1, 2)


class Unpicklable(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("not to be pickled")


def fail_unpicklable(_: Any = None) -> None:
    raise Unpicklable("something")


def refuse() -> None:
    raise ImportError("not to be unpickled")


class Trap:
    """Is pickled here; raises where it is unpickled."""

    def __reduce__(self) -> Any:
        return refuse, ()


class Locked:
    """Cannot be pickled."""

    def __reduce__(self) -> Any:
        raise TypeError("Locked cannot be pickled")


def trap(_: Any = None) -> Any:
    return Trap()


def remember(value: Any) -> None:
    state.append(value)


def recall(_: Any = None) -> Any:
    return state[-1] if state else None


def bad_start(*args: Any) -> None:
    raise RuntimeError("the initializer does not like it")


def bad_logged_start(path: str) -> None:
    logger = logging.getLogger("concurrent.futures")
    logger.addHandler(logging.FileHandler(path))
    logger.propagate = False
    bad_start()


def dying_start() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def deaf_start(path: str = "") -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def run_true(_: Any = None) -> int:
    return subprocess.call([sys.executable, "-S", "-c", "raise SystemExit(7)"])


def fork_one(_: Any = None) -> int:
    child = os.fork()
    if not child:
        os._exit(9)
    return os.waitpid(child, 0)[1] >> 8


def big(size: int) -> bytes:
    return b"x" * size


def length(data: Any) -> int:
    return len(data)


def inner_pool(module: str, x: int) -> Any:
    import importlib

    with importlib.import_module(module).Pool(2) as pool:
        return sum(pool.map(square, [x, x]))


def is_imported(name: str) -> bool:
    return name in sys.modules


def parent_has_file(part: str) -> bool:
    """Whether the parent of this process has mapped a file with such a path."""
    with open(f"/proc/{os.getppid()}/maps") as maps:
        return part in maps.read()
