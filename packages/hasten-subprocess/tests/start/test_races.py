"""Threads that start children at the same moment: nobody inherits what is another's."""

import os
import threading

import pytest
from support.children import descriptors_of, needs_proc

THREADS, ROUNDS = 8, 15


def together(spawn, function, count=THREADS):
    """Call *function(number)* in that many threads, which start behind one barrier; their results."""
    barrier = threading.Barrier(count)

    def work(number):
        barrier.wait(30)
        return function(number)

    return [task.result() for task in [spawn(work, number) for number in range(count)]]


@needs_proc
@pytest.mark.parametrize("options", [{}, {"close_fds": False}, {"preexec_fn": int}, {"cwd": "/"}], ids=str)
def test_no_pipe_leaks_to_a_sibling(impl, spawn, options):
    """It would keep the pipe open: the reader of a child that has ended would wait for the sibling's end."""

    def start(number):
        found = []
        for _ in range(ROUNDS):
            with impl.Popen(["cat"], bufsize=0, stdin=impl.PIPE, stdout=impl.PIPE, **options) as child:
                child.stdin.write(b".")
                child.stdout.read(1)
                found.append(sorted(descriptors_of(child.pid)))
        return found

    inherited = {number for number in descriptors_of(os.getpid()) if os.get_inheritable(number)}
    for found in together(spawn, start):
        for numbers in found:
            assert set(numbers) <= {0, 1, 2} | inherited


def test_the_end_of_a_pipe_is_seen_while_siblings_live(impl, spawn):
    def start(number):
        with impl.Popen(["sleep", "1000"], stdin=impl.PIPE) as keeper:
            try:
                for _ in range(ROUNDS):
                    done = impl.run(["cat"], input=b"word", stdout=impl.PIPE, timeout=30)
                    assert done.stdout == b"word"
            finally:
                keeper.kill()
        return True

    assert together(spawn, start) == [True] * THREADS


def test_each_gets_its_own_output(impl, spawn):
    def start(number):
        return [impl.check_output(["echo", f"{number} {turn}"]) for turn in range(ROUNDS)]

    assert together(spawn, start) == [
        [b"%d %d\n" % (number, turn) for turn in range(ROUNDS)] for number in range(THREADS)
    ]


def test_each_gets_its_own_error(impl, spawn):
    """The place where a child leaves its error is no place that threads share."""

    def start(number):
        for _ in range(ROUNDS):
            program = f"no-such-program-{number}"
            if number % 3 == 0:
                with pytest.raises(FileNotFoundError) as info:
                    impl.run([program])
                assert info.value.filename == program
            elif number % 3 == 1:
                with pytest.raises(NotADirectoryError) as info:
                    impl.run(["true"], cwd="/dev/null")
                assert info.value.filename == "/dev/null"
            else:
                assert impl.run(["sh", "-c", f"exit {number}"]).returncode == number
        return True

    assert together(spawn, start) == [True] * THREADS


def test_different_folders_and_environments(impl, spawn, tmp_path):
    for number in range(THREADS):
        (tmp_path / str(number)).mkdir()

    def start(number):
        folder = str((tmp_path / str(number)).resolve())
        for _ in range(ROUNDS):
            env = {"NUMBER": str(number)}
            out = impl.check_output(["sh", "-c", "pwd -P; echo $NUMBER"], cwd=folder, env=env, text=True)
            assert out.split() == [folder, str(number)]
        return True

    assert together(spawn, start) == [True] * THREADS


def test_statuses_are_not_mixed_up(impl, spawn):
    def start(number):
        children = [impl.Popen(["sh", "-c", f"exit {(number * 16 + turn) % 256}"]) for turn in range(ROUNDS)]
        return [child.wait(timeout=30 if turn % 2 else None) for turn, child in enumerate(children)]

    assert together(spawn, start) == [
        [(number * 16 + turn) % 256 for turn in range(ROUNDS)] for number in range(THREADS)
    ]


def test_kill_while_others_wait_and_communicate(impl, spawn):
    child = impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE)
    calls = [lambda: child.communicate()[0], child.wait, lambda: child.wait(30), child.kill, child.terminate]
    results = together(spawn, lambda number: calls[number](), len(calls))
    assert results[0] == b""
    assert {results[1], results[2]} == {child.returncode} <= {-9, -15, 0}


def test_kill_while_communicating(impl, spawn):
    child = impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE, stderr=impl.PIPE)
    stdin = os.dup(child.stdin.fileno())  # so that only the kill ends it
    talk = spawn(child.communicate, b"word").settle()
    child.kill()
    assert talk.result() == (b"word", b"") or talk.result() == (b"", b"")
    assert child.returncode == -9
    os.close(stdin)


def test_one_object_used_by_all(impl, spawn):
    child = impl.Popen(["sleep", "1000"])

    def use(number):
        for _ in range(50):
            child.poll()
            repr(child)
            child.send_signal(0)
        child.kill()
        return child.wait()

    assert together(spawn, use) == [-9] * THREADS
