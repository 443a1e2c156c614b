"""fork() around children, and children around fork()."""

import os

import pytest
from support.children import has_ended
from support.forked import in_child, needs_fork

pytestmark = needs_fork


def test_starts_in_a_forked_child(impl):
    def check():
        assert impl.run(["echo", "a"], stdout=impl.PIPE).stdout == b"a\n"
        assert impl.run(["cat"], input=b"a", capture_output=True, timeout=30).stdout == b"a"
        assert impl.run(["true"], preexec_fn=int).returncode == 0
        with pytest.raises(FileNotFoundError):
            impl.run(["no-such-program"])

    in_child(check)


def test_a_child_of_the_parent_is_not_ours_to_wait_for(impl, sleeper):
    """In the forked process it is a sibling: no status can be had, and no signal is needed."""
    child = sleeper()

    def check():
        assert child.poll() in (0, None)
        child.wait(timeout=5)
        assert child.returncode == 0

    in_child(check)
    assert child.poll() is None


def test_a_fork_while_other_threads_start_children(impl, spawn):
    """They share no variable: without a GIL its cell has a lock, which may be held for ever in a child."""

    def start(run):
        return [run(["true"], timeout=30).returncode for _ in range(40)]

    tasks = [spawn(start, impl.run) for _ in range(3)]
    for _ in range(10):
        in_child(lambda run=impl.run: run(["true"], timeout=20).check_returncode())
    assert [task.result() for task in tasks] == [[0] * 40] * 3


def test_a_fork_while_another_thread_communicates(impl, spawn):
    child = impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE)
    hold = os.dup(child.stdin.fileno())
    talk = spawn(child.communicate, b"word").settle()
    in_child(lambda: impl.run(["cat"], input=b"x", stdout=impl.PIPE, timeout=20).check_returncode())
    os.close(hold)
    assert talk.result() == (b"word", None)


def test_a_forked_process_that_ends_leaves_the_pipes_alone(impl):
    with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE) as child:
        in_child(lambda: child.stdin.close())
        assert child.communicate(b"word")[0] == b"word"


def test_the_abandoned_of_the_parent_are_not_the_childs_to_reap(impl, until, recwarn):
    child = impl.Popen(["sleep", "1000"])
    pid = child.pid
    del child
    in_child(lambda: impl.run(["true"]))
    assert [child.pid for child in impl._active] == [pid]
    os.kill(pid, 9)
    until(lambda: has_ended(pid))
    impl._cleanup()
    assert not impl._active


def test_fork_in_a_handler_of_fork(impl, python):
    """Children started from os.register_at_fork() callbacks."""
    program = f"""
import os
import {impl.__name__} as subprocess
def start():
    subprocess.run(["true"], check=True)
os.register_at_fork(before=start, after_in_parent=start, after_in_child=start)
pid = os.fork()
if pid == 0:
    os._exit(subprocess.run(["sh", "-c", "exit 3"]).returncode)
print(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
"""
    assert python(program) == "3\n"
