"""kill_tree(): who belongs to a tree, who does not, and that nobody escapes."""

import os
import signal
import subprocess
import sys

import pytest
from support.forked import in_child

import hasten.subprocess as ours
from hasten.subprocess import _tree
from hasten.subprocess._tree import kill_tree
from hasten.subprocess._tree_members import kill_members

pytestmark = pytest.mark.skipif(not _tree.has_proc(), reason="needs /proc")

# Prints the pids of two generations below it; all sleep
FAMILY = "sh -c 'echo $$; sleep 1000 & echo $!; wait' & wait"
# The grandchild is an orphan, in the same process group and session; told only once its parent has ended
ORPHAN = "orphan=$(sh -c 'sleep 1000 >&2 & echo $!'); echo $orphan; exec sleep 1000"


@pytest.fixture
def family(until):
    """Start a shell that prints pids; returns it and them.  All must be gone at the end."""
    children, pids = [], []

    def start(command, count, **options):
        child = ours.Popen(["sh", "-c", command], stdout=ours.PIPE, **options)
        children.append(child)
        found = [int(child.stdout.readline()) for _ in range(count)]
        pids.extend(found)
        return child, found

    yield start
    for child in children:
        child.kill()
        with child:
            """Its pipes are closed and it is waited for."""
    until(lambda: all(map(is_gone, pids)))


@pytest.fixture(params=[False, True], ids=["pidfds", "portable"])
def way(request, monkeypatch):
    monkeypatch.setattr(_tree, "_portable", request.param or not hasattr(os, "pidfd_open"))


def is_gone(pid):
    found = _tree.look_at(pid)
    return found is None or found.state in "ZX"


def test_all_of_them(family, way, until):
    child, pids = family(FAMILY, 2)
    kill_tree(child)
    assert child.wait(30) == -signal.SIGKILL
    until(lambda: all(map(is_gone, pids)))


def test_those_of_the_standard_library(until):
    with subprocess.Popen(["sh", "-c", FAMILY], stdout=subprocess.PIPE) as child:
        pids = [int(child.stdout.readline()) for _ in range(2)]
        kill_tree(child)
        assert child.wait(30) == -signal.SIGKILL
        until(lambda: all(map(is_gone, pids)))


@pytest.mark.parametrize("options", [{"start_new_session": True}, {"process_group": 0}], ids=str)
def test_an_orphan_in_the_childs_session_or_group(family, way, until, options):
    child, [orphan] = family(ORPHAN, 1, **options)
    assert _tree.look_at(orphan).parent != child.pid
    kill_tree(child)
    until(lambda: is_gone(orphan))


def test_also_if_the_child_has_ended(family, way, until):
    """As long as nobody has reaped it."""
    child, [orphan] = family("sleep 1000 & echo $!", 1, start_new_session=True)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    kill_tree(child)
    until(lambda: is_gone(orphan))
    assert child.wait() == 0


def test_an_orphan_in_our_session_is_out_of_reach(family, until):
    child, [orphan] = family(ORPHAN, 1)
    kill_tree(child)
    child.wait()
    assert not is_gone(orphan)
    os.kill(orphan, signal.SIGKILL)
    until(lambda: is_gone(orphan))


def test_an_orphan_in_the_group_of_a_descendant(family, way, until):
    program = "import os; os.setpgid(0, 0); os.execvp('sh', ['sh', '-c', os.environ['ORPHAN']])"
    env = {**os.environ, "PYTHON": sys.executable, "PROGRAM": program, "ORPHAN": ORPHAN}
    child, [orphan] = family('"$PYTHON" -c "$PROGRAM" & wait', 1, env=env)
    kill_tree(child)
    until(lambda: is_gone(orphan))


def test_those_that_are_stopped(family, way, until):
    child, pids = family(FAMILY, 2)
    for pid in (*pids, child.pid):
        os.kill(pid, signal.SIGSTOP)
    kill_tree(child)
    assert child.wait(30) == -signal.SIGKILL
    until(lambda: all(map(is_gone, pids)))


def test_threads_that_fork(way, until):
    """Of many threads each starts children as fast as it can, up to a number that this machine bears.

    Without that limit a machine that is too busy to run kill_tree() soon has no process left.
    """
    mark = f"88{os.getpid()}"
    program = (
        "import os, threading\n"
        "def work():\n"
        "    for _ in range(250):\n"
        f"        os.posix_spawn('/bin/sleep', ['sleep', '{mark}'], {{}})\n"
        "    threading.Event().wait()\n"
        "for _ in range(4): threading.Thread(target=work).start()\n"
    )
    with ours.Popen([sys.executable, "-c", program]) as child:
        until(lambda: len(marked(mark)) > 10)
        kill_tree(child)
        assert child.wait(30) == -signal.SIGKILL
    until(lambda: not marked(mark))


def marked(mark):
    """The pids of `sleep MARK`."""
    found = []
    for pid in _tree.all_processes():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if file.read() == b"sleep\0%s\0" % mark.encode():
                    found.append(pid)
        except OSError:
            continue
    return found


def test_others_are_left_alone(family):
    """Siblings, the parent, and their threads; they are not even stopped."""
    with ours.Popen(["cat"], stdin=ours.PIPE, stdout=ours.PIPE, bufsize=0) as sibling:
        child, _ = family(FAMILY, 2)
        kill_tree(child)
        sibling.stdin.write(b"alive")
        assert sibling.stdout.read(5) == b"alive"


def test_one_that_is_reaped_means_nobody():
    with ours.Popen(["true"]) as child:
        child.wait()
        kill_tree(child)
        assert child.returncode == 0


def test_one_that_somebody_else_has_reaped():
    with ours.Popen(["true"]) as child:
        os.waitpid(child.pid, 0)
        kill_tree(child)


def test_a_number_that_means_another_process_by_now(family, way):
    """A process with another start time is not the one that was found, and gets no signal."""
    with ours.Popen(["sleep", "1000"]) as child:
        found = _tree.look_at(child.pid)
        tree = _tree.Tree()
        tree.add(child.pid, found._replace(started=found.started - 1))
        assert _tree.look_at(child.pid).state != "T"
        kill_members(tree.members)
        with pytest.raises(ours.TimeoutExpired):
            child.wait(0.05)
        child.kill()


def test_nothing_stays_stopped_after_an_error(family, monkeypatch, until):
    """Those that were found are killed when the search fails."""
    child, pids = family(FAMILY, 2)
    rounds = []

    def fail_the_second_time():
        if rounds:
            raise OSError("no descriptors left")
        rounds.append(1)
        return found()

    found = _tree.all_processes
    monkeypatch.setattr(_tree, "all_processes", fail_the_second_time)
    with pytest.raises(OSError, match="no descriptors"):
        kill_tree(child)
    assert child.wait(30) == -signal.SIGKILL
    until(lambda: all(map(is_gone, pids)))


def test_no_descriptors_left(family, until):
    child, pids = family(FAMILY, 2)
    taken = []
    try:
        with pytest.raises(OSError):
            while True:
                taken.append(os.dup(0))
        with pytest.raises(OSError):
            kill_tree(child)
        assert child.wait(30) == -signal.SIGKILL
    finally:
        for fd in taken:
            os.close(fd)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    until(lambda: all(map(is_gone, pids)))


def test_few_descriptors_left(family, until):
    """Some have a pidfd, the others only a number."""
    child, pids = family(FAMILY, 2)
    taken = []
    try:
        with pytest.raises(OSError):
            while True:
                taken.append(os.dup(0))
        for _ in range(3):
            os.close(taken.pop())
        kill_tree(child)
        assert child.wait(30) == -signal.SIGKILL
    finally:
        for fd in taken:
            os.close(fd)
    until(lambda: all(map(is_gone, pids)))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
def test_one_that_we_may_not_signal():
    """It lives on, and runs on."""
    reader, writer = os.pipe()

    def check():
        with subprocess.Popen(["sh", "-c", f"echo $$; {FAMILY}"], stdout=writer) as child:
            told = b""
            while told.count(b"\n") < 3:
                told += os.read(reader, 100)
            os.write(writer, told)
            os.setresuid(65534, 65534, 65534)
            with pytest.raises(PermissionError):
                kill_tree(child)
            assert all(_tree.look_at(pid).state != "T" for pid in map(int, told.split()))
            os._exit(0)  # nobody waits for them here

    try:
        in_child(check)
    finally:
        for pid in os.read(reader, 100).split():
            os.kill(int(pid), signal.SIGKILL)
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("options, reached", [({"process_group": 0}, True), ({}, False)], ids=str)
def test_without_proc(family, monkeypatch, until, options, reached):
    child, pids = family(FAMILY, 2, **options)
    monkeypatch.setattr(_tree, "has_proc", lambda: False)
    kill_tree(child)
    assert child.wait(30) == -signal.SIGKILL
    if not reached:
        assert not any(map(is_gone, pids))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    until(lambda: all(map(is_gone, pids)))


def test_what_proc_says(family):
    child, pids = family(FAMILY, 2, start_new_session=True)
    found = _tree.look_at(child.pid)
    assert (found.parent, found.group, found.session) == (os.getpid(), child.pid, child.pid)
    assert found.threads == 1
    assert _tree.all_processes()[pids[0]].parent == child.pid
    assert os.getpid() not in _tree.all_processes()
    kill_tree(child)
    child.wait()
    assert _tree.look_at(child.pid) is None
