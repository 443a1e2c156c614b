"""`preexec_fn`: Python code in the child, before the program."""

import ctypes
import gc
import os
import threading

import pytest
from support.children import children_left, needs_proc


@pytest.fixture
def seen(tmp_path):
    """A function that writes down what it is given, and one that reads it."""
    path = tmp_path / "seen"

    def write(words):
        with open(path, "a") as file:
            file.write(f"{words}\n")

    return write, lambda: path.read_text().splitlines()


def test_it_runs_in_the_child(impl, seen):
    write, read = seen
    with impl.Popen(["true"], preexec_fn=lambda: write(os.getpid())) as child:
        child.wait()
    assert read() == [str(child.pid)]


def test_it_runs_once_and_without_arguments(impl, seen):
    write, read = seen
    impl.run(["true"], preexec_fn=lambda *args: write(args))
    assert read() == ["()"]


def test_its_result_is_not_looked_at(impl):
    for result in [0, 1, None, "x", object()]:
        assert impl.run(["true"], preexec_fn=lambda result=result: result).returncode == 0


class Surprise(BaseException):
    """Not even an Exception."""


@pytest.mark.parametrize(
    "error", [ValueError("x"), OSError(2, "x"), SystemExit(3), KeyboardInterrupt(), Surprise()]
)
def test_it_raises(impl, error):
    def fail():
        raise error

    with pytest.raises(impl.SubprocessError) as info:
        impl.Popen(["true"], preexec_fn=fail, stdout=impl.PIPE)
    assert str(info.value) == "Exception occurred in preexec_fn."
    assert children_left() == []


def test_it_leaves(impl):
    """The parent cannot tell this from a program that ended so."""
    assert impl.run(["true"], preexec_fn=lambda: os._exit(7)).returncode == 7


def test_it_is_killed(impl):
    assert impl.run(["true"], preexec_fn=lambda: os.kill(os.getpid(), 9)).returncode == -9


def test_everything_else_is_already_done(impl, seen, tmp_path):
    write, read = seen
    before = os.getpid()

    def look():
        write(os.getcwd())
        write(os.getsid(0) == os.getpid() != before)
        write(os.umask(0))

    impl.run(["true"], preexec_fn=look, cwd=tmp_path, start_new_session=True, umask=0o77)
    assert read() == [str(tmp_path.resolve()), "True", str(0o77)]


@needs_proc
def test_the_streams_are_in_place(impl):
    def say():
        os.write(1, b"out")
        os.write(2, b"err")

    done = impl.run(["true"], preexec_fn=say, capture_output=True)
    assert (done.stdout, done.stderr) == (b"out", b"err")


def test_descriptors_are_closed_after_it(cat):
    opened = []

    def open_one():
        os.dup2(0, 200)
        opened.append(1)

    child = cat(preexec_fn=open_one)
    assert not os.path.lexists(f"/proc/{child.pid}/fd/200")
    assert opened == []  # that was in the child


def test_the_garbage_collector_rests_in_the_child(impl, seen):
    """A finalizer of the parent's must not run there; in the parent it goes on as before."""
    write, read = seen
    for enabled in [True, False]:
        (gc.enable if enabled else gc.disable)()
        try:
            impl.run(["true"], preexec_fn=lambda: write(gc.isenabled()))
            with pytest.raises(FileNotFoundError):
                impl.run(["no-such-program"], preexec_fn=int)
            assert gc.isenabled() is enabled
        finally:
            gc.enable()
    assert read() == ["False", "False"]


def test_threads_of_the_parent_are_not_in_the_child(impl, seen, spawn):
    write, read = seen
    over = threading.Event()
    tasks = [spawn(over.wait) for _ in range(3)]
    impl.run(["true"], preexec_fn=lambda: write(threading.active_count()))
    over.set()
    for task in tasks:
        task.result()
    assert read() == ["1"]


def test_handlers_of_fork_run(impl, python):
    """As in os.fork(), on which `preexec_fn` stands; without it there is no fork() to speak of."""
    program = f"""
import os
import {impl.__name__} as subprocess
os.register_at_fork(before=lambda: print("before"), after_in_parent=lambda: print("after"))
subprocess.run(["true"], preexec_fn=int)
subprocess.run(["true"])
"""
    assert python(program) == "before\nafter\n"


def test_in_a_thread(impl, spawn):
    task = spawn(impl.run, ["true"], preexec_fn=int)
    assert task.result().returncode == 0


def test_many_threads_at_once(impl, spawn):
    start = threading.Barrier(8)

    def run():
        start.wait()
        return [impl.run(["true"], preexec_fn=int).returncode for _ in range(5)]

    assert [task.result() for task in [spawn(run) for _ in range(8)]] == [[0] * 5] * 8


def test_a_library_called_in_it(impl, seen):
    write, read = seen
    libc = ctypes.CDLL(None)
    impl.run(["true"], preexec_fn=lambda: write(libc.getpid() == os.getpid()))
    assert read() == ["True"]
