"""Who removes a block: its maker's family when it is gone, however it went, and nobody else."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.named_blocks import exists, until_gone, watcher_of, watchers_of
from support.tasks import until

HEAD = "import os, sys, time; import hasten.shared_memory as m; "
STAY = "print(s.name, flush=True); sys.stdin.read()"

Run = Callable[..., Any]


@pytest.fixture
def start() -> Iterator[Run]:
    """Programs of their own: what they print is read, and they end at the end of their input."""
    running: list[Any] = []

    def started(code: str, *args: str, head: str = HEAD, **options: Any) -> Any:
        command = [sys.executable, "-c", head + code, *args]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **options)
        running.append(process)
        return process

    yield started
    for process in running:
        process.kill()
        process.communicate()


def line(process: Any) -> str:
    return process.stdout.readline().strip()


def finish(process: Any) -> tuple[str, str]:
    """What it printed, after the end of its input."""
    out, err = process.communicate(timeout=60)
    return out.strip(), err.strip()


def kill(process: Any) -> None:
    process.kill()
    process.wait()


def test_a_killed_makers_block_goes(start: Run) -> None:
    maker = start("s = m.SharedMemory(create=True, size=10); " + STAY)
    name = line(maker)
    assert exists(name)
    kill(maker)
    until_gone(name)
    assert maker.stderr.read() == ""


def test_a_block_that_is_left_behind_goes_without_a_word(start: Run) -> None:
    maker = start("s = m.SharedMemory(create=True, size=10); s.close(); " + STAY)
    name = line(maker)
    assert finish(maker) == ("", "")
    until_gone(name)


def test_attaching_never_removes(ours: Any, made: list[Any], start: Run) -> None:
    """gh-82300: neither by ending nor by being killed, and all the same if the maker is no more than
    attached.
    """
    made.append(ours.SharedMemory(create=True, size=10))
    code = "s = m.SharedMemory(sys.argv[1]); s.buf[0] += 1; "
    for _ in range(2):
        assert finish(start(code, made[0].name)) == ("", "")
    victim = start(code + STAY, made[0].name)
    line(victim)
    kill(victim)
    assert made[0].buf[0] == 3
    assert exists(made[0].name)


def test_the_standard_library_does_remove_when_attached(made: list[Any], ours: Any, start: Run) -> None:
    """The same with its module: what the test above would find if it found nothing."""
    made.append(ours.SharedMemory(create=True, size=10))
    code = "from multiprocessing import shared_memory as m; s = m.SharedMemory(sys.argv[1])"
    process = start(code, made[0].name)
    finish(process)
    until_gone(made[0].name)


def test_untracked_blocks_stay(ours: Any, start: Run) -> None:
    maker = start(
        "s = m.SharedMemory(create=True, size=10, track=False); t = m.SharedMemory(create=True, size=1); "
        "print(t.name); " + STAY
    )
    tracked, name = line(maker), line(maker)
    kill(maker)
    until_gone(tracked)  # so the watcher has done its work
    assert exists(name)
    block = ours.SharedMemory(name)
    block.close()
    block.unlink()


def test_a_forked_child_keeps_its_parents_block(start: Run) -> None:
    maker = start(
        "s = m.SharedMemory(create=True, size=10); pid = os.fork()\n"
        "if pid == 0: sys.stdin.read(); os._exit(0)\n"
        "print(pid); " + STAY
    )
    child, name = int(line(maker)), line(maker)
    kill(maker)
    assert exists(name)
    os.kill(child, signal.SIGKILL)
    until_gone(name)


def test_a_block_of_a_child_outlives_the_child(start: Run) -> None:
    """The parent, which had made none before the fork, still finds it."""
    parent = start(
        "r, w = os.pipe(); pid = os.fork()\n"
        "if pid == 0:\n"
        "    s = m.SharedMemory(create=True, size=10); s.buf[0] = 7; s.close()\n"
        "    os.write(w, s.name.encode()); os._exit(0)\n"
        "os.waitpid(pid, 0); s = m.SharedMemory(os.read(r, 99).decode()); print(s.buf[0], flush=True)\n"
        + STAY
    )
    assert line(parent) == "7"
    name = line(parent)
    kill(parent)
    until_gone(name)


CHILD_OF_METHOD = """
import multiprocessing as mp, os, sys
import hasten.shared_memory as m

def work(name, line):
    if name is None:
        s = m.SharedMemory(create=True, size=10)
        s.close()
        line.send(s.name)
    else:
        s = m.SharedMemory(name)
        line.send(os.getpid())
        line.recv()

if __name__ == "__main__":
    ctx = mp.get_context(sys.argv[1])
    here, there = ctx.Pipe()
    child = ctx.Process(target=work, args=(None, there))
    child.start(); name = here.recv(); child.join()
    s = m.SharedMemory(name)
    second = ctx.Process(target=work, args=(name, there))
    second.start(); print(here.recv(), flush=True)
    print(s.name, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_family_by_multiprocessing(tmp_path: Path, method: str) -> None:
    """A child's block outlives the child; and the block outlives its maker's parent as long as a child
    lives.
    """
    program = tmp_path / "program.py"
    program.write_text(CHILD_OF_METHOD)
    process = subprocess.Popen(
        [sys.executable, str(program), method],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        child, name = int(line(process)), line(process)
        assert exists(name)
        os.kill(child, signal.SIGSTOP)  # it can't end by itself when its parent is gone
        kill(process)
        assert exists(name)
        os.kill(child, signal.SIGKILL)
        until_gone(name)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.kill()
        process.communicate()


def sleeps_of(pid: int) -> int:
    """How often a process has gone to sleep."""
    words = Path(f"/proc/{pid}/status").read_text().partition("\nvoluntary_ctxt_switches:")[2].split()
    return int(words[0])


def test_a_daemon_that_closes_all_descriptors(start: Run) -> None:
    """It is of the family, and its block stays until it ends."""
    maker = start(
        "s = m.SharedMemory(create=True, size=10); out = os.dup(1)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    os.closerange(0, out); os.closerange(out + 1, 4096)\n"
        "    s.buf[0] = 1\n"
        "    os.write(out, f'{os.getpid()} {s.name}\\n'.encode())\n"
        "    time.sleep(60)\n"
        "sys.stdin.readline(); os._exit(0)"
    )
    pid, name = line(maker).split()
    watcher = watcher_of(maker.pid)
    maker.stdin.write("\n")
    maker.stdin.flush()
    maker.wait()
    looks = sleeps_of(watcher)
    until(
        lambda: sleeps_of(watcher) > looks + 2
    )  # the line is closed, and it looks at the table again and again
    assert exists(name)
    os.kill(int(pid), signal.SIGKILL)
    until_gone(name)


def test_a_process_that_lost_its_descriptors_makes_blocks_as_before(start: Run) -> None:
    """Even if their numbers are other files' now."""
    maker = start(
        "s = m.SharedMemory(create=True, size=10); print(s.name)\n"
        "os.closerange(3, 64)\n"
        "held = [os.open('/dev/null', os.O_RDWR) for _ in range(20)]\n"
        "s = m.SharedMemory(create=True, size=10)\n" + STAY
    )
    names = line(maker), line(maker)
    assert all(map(exists, names))
    kill(maker)
    until_gone(*names)


def test_programs_that_are_executed_are_not_of_the_family(start: Run) -> None:
    maker = start(
        "import subprocess; s = m.SharedMemory(create=True, size=10)\n"
        "p = subprocess.Popen(['sleep', '60'], close_fds=False); print(p.pid)\n" + STAY
    )
    child, name = int(line(maker)), line(maker)
    kill(maker)
    until_gone(name)
    os.kill(child, signal.SIGKILL)


def test_another_programs_block_of_the_same_name_stays(ours: Any, made: list[Any], start: Run) -> None:
    maker = start(
        "s = m.SharedMemory(f'hasten-same-{os.getpid()}', create=True, size=10); "
        "t = m.SharedMemory(create=True, size=10); print(t.name); " + STAY
    )
    last, name = line(maker), line(maker)
    other = ours.SharedMemory(name)
    other.close()
    other.unlink()
    made.append(ours.SharedMemory(name, create=True, size=10))
    kill(maker)
    until_gone(last)
    assert exists(name)


def test_no_watcher_before_a_block_is_made(start: Run) -> None:
    code = (
        "t = m.SharedMemory(anonymous=True, size=10); u = m.SharedMemory(create=True, size=1, track=False); "
        "u.unlink(); s = t; " + STAY
    )
    program = start(code)
    line(program)
    assert watchers_of(program.pid) == set()


def test_what_the_watcher_is(start: Run) -> None:
    """A session of its own, no file of the program's, deaf to signals, small, and gone with the program."""
    maker = start("s = m.SharedMemory(create=True, size=10); " + STAY)
    line(maker)
    watcher = watcher_of(maker.pid)
    proc = Path(f"/proc/{watcher}")
    assert os.getsid(watcher) == watcher
    assert os.readlink(proc / "cwd") == "/"
    opened = {int(fd): os.readlink(proc / "fd" / fd) for fd in os.listdir(proc / "fd")}
    assert sorted(opened) == [0, 1, 2, 3, 4]
    assert {opened[fd] for fd in (0, 1, 2)} == {"/dev/null"}
    maps = (proc / "maps").read_text()
    assert "hasten.blocks" not in maps  # who has the table mapped is of the family
    if os.environ.get("HASTEN_PORTABLE") == "1":  # a copy of the maker
        assert (proc / "cmdline").read_bytes() == Path(f"/proc/{maker.pid}/cmdline").read_bytes()
    else:
        assert "libpython" not in maps and "libc" not in maps
        assert (proc / "cmdline").read_bytes() == b"hasten-shm\0"
        assert (proc / "environ").read_bytes() == b""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE):
        os.kill(watcher, number)
    kill(maker)
    until(lambda: not proc.exists() or (proc / "stat").read_text().rpartition(")")[2].split()[0] == "Z")


def test_the_watcher_is_no_child(start: Run) -> None:
    program = start(
        "import signal\n"
        "got = []; signal.signal(signal.SIGCHLD, lambda *_: got.append(1))\n"
        "s = m.SharedMemory(create=True, size=10)\n"
        "try: os.wait()\n"
        "except ChildProcessError: print('none', got, flush=True)\n"
        "s.unlink()\n"
    )
    assert finish(program) == ("none []", "")


def test_one_watcher_for_a_family(start: Run) -> None:
    maker = start(
        "s = m.SharedMemory(create=True, size=10); t = m.SharedMemory(create=True, size=10)\n"
        "r, w = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    u = m.SharedMemory(create=True, size=10); os.write(w, b'.'); sys.stdin.read(); os._exit(0)\n"
        "os.read(r, 1); " + STAY
    )
    line(maker)
    watcher = watcher_of(maker.pid)
    assert watchers_of(maker.pid) == {watcher}


def test_a_killed_watcher_is_replaced(start: Run) -> None:
    maker = start(
        "s = m.SharedMemory(create=True, size=10); print(s.name, flush=True); sys.stdin.readline()\n"
        "s = m.SharedMemory(create=True, size=10); " + STAY
    )
    first = line(maker)
    watcher = watcher_of(maker.pid)
    os.kill(watcher, signal.SIGKILL)
    until(lambda: not watchers_of(maker.pid))
    maker.stdin.write("\n")
    maker.stdin.flush()
    second = line(maker)
    assert watcher_of(maker.pid) != watcher
    kill(maker)
    until_gone(first, second)


def test_without_executing(start: Run) -> None:
    """Where the file can't be executed the watcher is forked."""
    environment = dict(os.environ, HASTEN_PORTABLE="1")
    maker = start("s = m.SharedMemory(create=True, size=10); " + STAY, env=environment)
    name = line(maker)
    watcher = watcher_of(maker.pid)
    assert sorted(os.listdir(f"/proc/{watcher}/fd")) == ["0", "1", "2", "3", "4"]
    kill(maker)
    until_gone(name)


def test_a_file_that_may_not_be_executed(start: Run, tmp_path: Path, ours: Any) -> None:
    """There too the watcher is a copy of the program, with nothing open or mapped that is the family's."""
    copy = tmp_path / "hasten" / "shared_memory"
    shutil.copytree(Path(ours.__file__).parent, copy)
    for file in copy.glob("*.so"):
        file.chmod(0o644)
    maker = start(
        "s = m.SharedMemory(create=True, size=10); assert m.__file__.startswith(sys.argv[1]); " + STAY,
        str(tmp_path),
        head=f"import hasten; hasten.__path__ = [{str(tmp_path / 'hasten')!r}]; " + HEAD,
    )
    name = line(maker)
    watcher = watcher_of(maker.pid)
    assert sorted(os.listdir(f"/proc/{watcher}/fd")) == ["0", "1", "2", "3", "4"]
    assert os.getpgid(watcher) != os.getpgid(maker.pid)
    assert "hasten.blocks" not in Path(f"/proc/{watcher}/maps").read_text()
    kill(maker)
    until_gone(name)


def test_closed_standard_descriptors(start: Run) -> None:
    """Line and table take none of their numbers, and neither does a block go to them unseen."""
    program = start(
        "out = os.dup(1); os.closerange(0, 3); os.closerange(out + 1, 64)\n"
        "s = m.SharedMemory(create=True, size=10); os.write(out, f'{s.name}\\n'.encode()); time.sleep(60)"
    )
    name = line(program)
    kill(program)
    until_gone(name)


MORTALS = """
import os, random, sys
import hasten.shared_memory as m

m._SHM_NAME_PREFIX = f"/hasten-{os.getpid()}-"

def live(forks, held):
    i = 0
    while True:
        s = m.SharedMemory(create=True, size=random.randrange(1, 50000))
        held.append((s, m.SharedMemory(s.name)))
        if len(held) > 5:
            one, other = held.pop(0)
            one.close(); one.unlink(); other.close()
        i += 1
        if i == 4 and forks and os.fork() == 0:
            live(forks - 1, [])
        os.write(1, b".")

live(int(sys.argv[1]), [])
"""


def test_families_that_are_killed_at_any_moment() -> None:
    """Nothing is left of any; tools/stress does the same a thousand times."""
    randomly = random.Random(14)
    for _ in range(20):
        family = subprocess.Popen(
            [sys.executable, "-c", MORTALS, str(randomly.randrange(3))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert family.stdout is not None
        family.stdout.read(randomly.randrange(1, 60))
        os.killpg(family.pid, signal.SIGKILL)
        _, err = family.communicate(timeout=60)
        assert err == b""
        prefix = f"hasten-{family.pid}-"
        until(lambda prefix=prefix: not any(name.startswith(prefix) for name in os.listdir("/dev/shm")), 10)
