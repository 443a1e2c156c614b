"""Ending a child with all it has started: `run(kill_tree=True)` and `Popen.kill_tree()`, seen by a user."""

import functools
import os
import signal

import pytest
from support.children import has_ended, script
from support.signalling import Interrupt, interrupt

import hasten.subprocess as ours
from hasten.subprocess import _tree

# A shell that starts a shell that starts a sleeper; all hold stdout
TREE = ["sh", "-c", "echo $$; sh -c 'echo $$; sleep 1000 & echo $!; wait' & wait"]


@pytest.fixture
def tree(until):
    """Start a tree of three generations; the pids, and the Popen.  What is left is killed at the end."""
    pids, children = [], []

    def start(command=TREE, lines=3, **options):
        child = ours.Popen(command, stdout=ours.PIPE, text=True, **options)
        children.append(child)
        pids.extend(int(child.stdout.readline()) for _ in range(lines))
        return child, pids

    yield start
    for child in children:
        child.kill()
        with child:
            """Its pipes are closed and it is waited for."""
    for pid in pids:
        until(lambda pid=pid: has_ended(pid))


def test_all_generations(tree, until):
    child, pids = tree()
    assert child.kill_tree() is None
    assert child.wait(30) == -signal.SIGKILL
    until(lambda: all(has_ended(pid) for pid in pids))


def test_communicate_ends_then(tree):
    """Nobody holds the pipe any more."""
    child, _ = tree()
    child.kill_tree()
    assert child.communicate(timeout=30) == ("", None)


def test_kill_alone_leaves_the_others(tree):
    child, pids = tree()
    child.kill()
    child.wait()
    assert not has_ended(pids[2])
    for pid in pids[1:]:
        os.kill(pid, 9)


@pytest.mark.parametrize("options", [{"start_new_session": True}, {"process_group": 0}, {}], ids=str)
def test_whatever_the_session(tree, until, options):
    child, pids = tree(**options)
    child.kill_tree()
    until(lambda: all(has_ended(pid) for pid in pids))
    assert child.wait() == -9


def test_those_in_groups_of_their_own(tree, until):
    """A job control shell, or setsid, does not help them."""
    child, pids = tree(["sh", "-c", "echo $$; setsid sh -c 'echo $$; sleep 1000 & echo $!; wait' & wait"])
    child.kill_tree()
    until(lambda: all(has_ended(pid) for pid in pids))


def test_a_wide_tree(tree, until):
    command = "echo $$; for i in `seq 20`; do sleep 1000 & echo $!; done; wait"
    child, pids = tree(["sh", "-c", command], lines=21)
    child.kill_tree()
    until(lambda: all(has_ended(pid) for pid in pids))


def test_one_that_goes_on_forking(until):
    """Each round of the search finds what was started during the last one; none escapes.

    Up to a number that a busy machine bears: root has no `ulimit -u`.
    """
    mark = f"999{os.getpid()}"
    child = ours.Popen(["sh", "-c", f"i=0; while [ $i -lt 1000 ]; do sleep {mark} & i=$((i+1)); done; wait"])
    until(lambda: len(sleepers(mark)) > 5)
    child.kill_tree()
    assert child.wait(30) == -9
    until(lambda: not sleepers(mark))


def test_a_search_that_takes_long(tree, until, monkeypatch):
    """The time is for those found to come to rest.  Looking for them may take longer, and loses nobody."""
    monkeypatch.setattr(_tree, "PATIENCE", 0)
    child, pids = tree()
    child.kill_tree()
    until(lambda: all(has_ended(pid) for pid in pids))


def sleepers(mark):
    """The pids of `sleep MARK`."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if name.isdigit() and file.read() == b"sleep\0%s\0" % mark.encode():
                    found.append(int(name))
        except OSError:
            continue
    return found


def test_a_child_alone():
    with ours.Popen(["sleep", "1000"]) as child:
        child.kill_tree()
        assert child.wait() == -9


def test_one_that_has_ended_and_one_that_is_gone(until):
    child = ours.Popen(["sh", "-c", "exit 3"])
    until(lambda: has_ended(child.pid))
    child.kill_tree()
    assert child.wait() == 3
    child.kill_tree()
    assert child.returncode == 3


def test_bystanders_live():
    with ours.Popen(["sleep", "1000"]) as bystander, ours.Popen(["sleep", "1000"]) as child:
        child.kill_tree()
        child.wait()
        with pytest.raises(ours.TimeoutExpired):
            bystander.wait(0.1)
        bystander.kill()


GRANDCHILD = "sleep 1000 & echo $!; {then}"


@pytest.mark.parametrize("then", ["wait", "exit 0"])
def test_run_with_a_timeout(then, until):
    """Whether the child itself lives or has left its own child behind with the pipe."""
    command = ["sh", "-c", GRANDCHILD.format(then=then)]
    with pytest.raises(ours.TimeoutExpired) as info:
        ours.run(command, stdout=ours.PIPE, timeout=0.5, kill_tree=True)
    pid = int(info.value.output)
    if then == "wait":
        until(lambda: has_ended(pid))
    elif not has_ended(pid):  # an orphan of a child that had ended: nobody's child any more
        os.kill(pid, 9)


def test_run_that_succeeds_kills_nobody():
    with open(os.devnull, "wb") as null:
        done = ours.run(
            ["sh", "-c", "sleep 1000 >&- 2>&- & echo $!"], stdout=ours.PIPE, stderr=null, kill_tree=True
        )
    assert done.returncode == 0
    pid = int(done.stdout)
    assert not has_ended(pid)
    os.kill(pid, 9)


def test_run_whose_handler_raises(on_signal, when_main_sleeps, until, tmp_path):
    """Any error in run() ends the whole tree."""

    pids = tmp_path / "pids"
    on_signal(interrupt)

    def act():
        until(lambda: pids.exists() and pids.read_text().endswith("\n"))
        os.kill(os.getpid(), signal.SIGUSR1)

    sender = when_main_sleeps(act)
    with pytest.raises(Interrupt):
        ours.run(["sh", "-c", f"sleep 1000 & echo $! > {pids}; wait"], stdout=ours.PIPE, kill_tree=True)
    sender.result()
    until(lambda: has_ended(int(pids.read_text())))


def output_until_timeout(run, command):
    """What came before the timeout, which is longer where the machine is too busy for anything to come."""
    for timeout in (1, 5, 25):
        with pytest.raises(ours.TimeoutExpired) as info:
            run(command, timeout=timeout, kill_tree=True)
        if info.value.output:
            break
    return info.value.output


def test_an_escaped_grandchild_cannot_hang_run(until):
    """One that is nobody's child any more holds the pipe: what has come is given, after a bounded wait."""
    code = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    if os.fork() == 0:\n"
        "        os.setsid(); os.write(1, b'%d\\n' % os.getpid()); time.sleep(1000)\n"
        "    os._exit(0)\n"
        "os.wait(); time.sleep(1000)\n"
    )
    pid = int(output_until_timeout(functools.partial(ours.run, stdout=ours.PIPE), script(code)))
    if not has_ended(pid):
        os.kill(pid, 9)


@pytest.mark.parametrize("value", [True, False, 1, 0, None])
def test_values_of_the_option(value):
    assert ours.run(["true"], kill_tree=value).returncode == 0


def test_check_output_passes_it_on(until):
    output = output_until_timeout(ours.check_output, ["sh", "-c", "sleep 1000 & echo $!; wait"])
    until(lambda: has_ended(int(output)))


def test_popen_has_no_such_option():
    with pytest.raises(TypeError):
        ours.Popen(["true"], kill_tree=True)
