"""Pipe(shm=True): the standard library's Pipe is what its ends are compared with."""

from __future__ import annotations

import contextlib
import copy
import errno
import multiprocessing
import os
import pickle
import resource
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing import BufferTooShort
from multiprocessing import connection as stdlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ring_pipe_targets as targets
from support.forked import child_of_fork, status_of
from support.tasks import Task, until

import hasten.multiprocessing
from hasten.multiprocessing import connection as ours
from hasten.multiprocessing import dummy, resource_sharer
from hasten.multiprocessing._transport import _ring

PIPES: dict[str, Callable[..., Any]] = {
    "stdlib": stdlib.Pipe,
    "hasten": ours.Pipe,
    "shm": lambda duplex=True: ours.Pipe(duplex, shm=True),
}
METHODS = ["fork", "spawn", "forkserver"]
PATIENCE = 30
RUN = 1 << 18  # bytes: where a run of the ring ends


@pytest.fixture(params=list(PIPES))
def pipe(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    with contextlib.ExitStack() as made:

        def new(duplex: bool = True) -> Any:
            ends = PIPES[request.param](duplex)
            for end in ends:
                made.enter_context(end)
            return ends

        yield new


@pytest.fixture
def shm() -> Iterator[Any]:
    one, other = ours.Pipe(shm=True)
    with one, other:
        yield one, other


# ---- messages ----


@pytest.mark.parametrize("duplex", [True, False])
def test_objects_and_bytes(pipe: Callable[..., Any], duplex: bool) -> None:
    receiver, sender = pipe(duplex)
    things = [None, 0, -1, 1 << 70, 2.5, "text", "\ud800", b"", b"bytes", bytearray(b"b"), {"a": [1, (2,)]}]
    for thing in things:
        sender.send(thing)
        assert receiver.poll(0) and receiver.poll(None)
        received = receiver.recv()
        assert received == thing and type(received) is type(thing)
    sender.send_bytes(b"message")
    assert receiver.recv_bytes() == b"message"
    assert not receiver.poll()


def test_what_one_way_has_sent_the_other_way_receives(pipe: Callable[..., Any]) -> None:
    receiver, sender = pipe()
    for thing in (7, b"bytes", "text", [1, 2]):
        sender.send(thing)
        assert pickle.loads(receiver.recv_bytes()) == thing
    sender.send_bytes(pickle.dumps({"a": 1}))
    assert receiver.recv() == {"a": 1}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.integers(0, 5000), st.integers(RUN - 80, RUN + 80), st.integers(4 * RUN - 40, 4 * RUN + 40)
        ),
        max_size=12,
    )
)
def test_sizes_around_the_edges(sizes: list[int]) -> None:
    receiver, sender = ours.Pipe(False, shm=True)
    with receiver, sender:
        messages = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
        task = Task(lambda: [sender.send_bytes(message) for message in messages])
        task.start()
        assert [receiver.recv_bytes() for _ in messages] == messages
        task.result()


def test_a_message_that_is_larger_than_what_a_sender_may_be_ahead(pipe: Callable[..., Any]) -> None:
    receiver, sender = pipe()
    data = os.urandom(1 << 16) * 160  # 10 MiB
    task = Task(lambda: [sender.send_bytes(data) for _ in range(3)])
    task.start()
    assert all(receiver.recv_bytes() == data for _ in range(3))
    task.result()


@pytest.mark.parametrize(
    ("offset", "size", "text"),
    [
        (-1, None, "offset is negative"),
        (7, None, "buffer length < offset"),
        (0, -1, "size is negative"),
        (4, 3, "buffer length < offset"),
    ],
)
def test_parts_of_bytes(pipe: Callable[..., Any], offset: int, size: int | None, text: str) -> None:
    receiver, sender = pipe()
    with pytest.raises(ValueError, match=text):
        sender.send_bytes(b"abcdef", offset, size)
    sender.send_bytes(memoryview(b"abcdef"), 1, 3)
    assert receiver.recv_bytes() == b"bcd"


def test_messages_that_are_too_long(pipe: Callable[..., Any]) -> None:
    receiver, sender = pipe()
    sender.send_bytes(b"123456")
    room = bytearray(8)
    with pytest.raises(BufferTooShort) as caught:
        receiver.recv_bytes_into(room, 4)
    assert caught.value.args == (b"123456",)
    sender.send_bytes(b"1234")
    assert receiver.recv_bytes_into(room, 4) == 4 and room == b"\0\0\0\x001234"
    for offset, text in ((-1, "negative offset"), (9, "offset too large")):
        with pytest.raises(ValueError, match=text):
            receiver.recv_bytes_into(room, offset)
    with pytest.raises(ValueError, match="negative maxlength"):
        receiver.recv_bytes(-1)
    sender.send_bytes(b"12")
    assert receiver.recv_bytes(2) == b"12"
    sender.send_bytes(b"123")
    with pytest.raises(OSError, match="bad message length"):
        receiver.recv_bytes(2)
    assert not receiver.readable and receiver.writable
    with pytest.raises(OSError, match="connection is write-only"):
        receiver.recv()


def test_what_cannot_be_pickled_is_not_sent(pipe: Callable[..., Any]) -> None:
    receiver, sender = pipe()
    with pytest.raises(Exception, match="pickle|local"):
        sender.send(lambda: None)
    sender.send(1)
    assert receiver.recv() == 1


# ---- readiness ----


def test_waiting_for_messages(pipe: Callable[..., Any]) -> None:
    receiver, sender = pipe()
    poller = select.poll()
    poller.register(receiver, select.POLLIN)
    for _ in range(2):
        assert ours.wait([receiver], 0) == [] and select.select([receiver], [], [], 0)[0] == []
        assert poller.poll(0) == [] and not receiver.poll(0)
        sender.send(1)
        assert ours.wait([receiver], PATIENCE) == stdlib.wait([receiver], PATIENCE) == [receiver]
        assert select.select([receiver], [], [], PATIENCE)[0] == [receiver]
        assert poller.poll(0) == [(receiver.fileno(), select.POLLIN)]
        assert receiver.recv() == 1
    sender.close()
    assert ours.wait([receiver], PATIENCE) == [receiver] and receiver.poll()
    with pytest.raises(EOFError):
        receiver.recv()


def test_a_wait_that_is_woken(pipe: Callable[..., Any]) -> None:
    receiver, sender = pipe()
    task = Task(lambda: (ours.wait([receiver]), receiver.poll(None)))
    task.start()
    task.settle()
    sender.send(1)
    assert task.result() == ([receiver], True)


# ---- the end ----


def test_the_other_end_is_closed(pipe: Callable[..., Any]) -> None:
    receiver, sender = pipe()
    sender.send("last")
    sender.close()
    sender.close()
    assert receiver.recv() == "last"
    assert receiver.poll()
    for _ in range(2):
        with pytest.raises(EOFError):
            receiver.recv()
    with pytest.raises(OSError) as caught:
        receiver.send(1)
    assert caught.value.errno == errno.EPIPE and isinstance(caught.value, BrokenPipeError)


@pytest.mark.parametrize("name", ["recv", "recv_bytes", "poll", "fileno"])
def test_use_after_close(pipe: Callable[..., Any], name: str) -> None:
    one, _ = pipe()
    assert not one.closed
    one.close()
    assert one.closed
    with pytest.raises(OSError, match="handle is closed"):
        getattr(one, name)()
    with pytest.raises(OSError, match="handle is closed"):
        one.send(1)


def test_one_way(pipe: Callable[..., Any]) -> None:
    receiver, sender = pipe(False)
    assert (receiver.readable, receiver.writable) == (sender.writable, sender.readable) == (True, False)
    for wrong in (sender.recv, sender.poll, sender.recv_bytes):
        with pytest.raises(OSError, match="connection is write-only"):
            wrong()
    for refused in (receiver.send, receiver.send_bytes):
        with pytest.raises(OSError, match="connection is read-only"):
            refused(b"")
    receiver.close()
    with pytest.raises(BrokenPipeError):
        sender.send(1)


def test_receiver_and_sender_that_wait_are_told_of_the_end(shm: Any) -> None:
    one, other = shm
    waiting = Task(one.recv)
    waiting.start()
    waiting.settle()
    other.close()
    with pytest.raises(EOFError):
        waiting.result()


def test_a_sender_waits_for_room_and_is_told_of_the_end(shm: Any) -> None:
    one, other = shm
    data = bytes(1 << 20)
    sending = Task(lambda: [one.send_bytes(data) for _ in range(100)])
    sending.start()
    sending.settle()
    assert 2 <= one._outgoing.count() < 20
    other.close()
    with pytest.raises(BrokenPipeError):
        sending.result()


def test_closed_by_another_thread(shm: Any) -> None:
    one, _ = shm
    waiting = Task(one.recv)
    waiting.start()
    waiting.settle()
    one.close()
    with pytest.raises(OSError, match="handle is closed"):
        waiting.result()


# ---- threads and processes ----


def test_messages_of_several_threads_stay_whole(shm: Any) -> None:
    receiver, sender = shm
    sizes = [3, 70_000, 5000]

    def send(me: int) -> None:
        for size in sizes * 20:
            sender.send_bytes(bytes([me]) * size)

    tasks = [Task(send, me) for me in range(3)]
    for task in tasks:
        task.start()
    got = [receiver.recv_bytes() for _ in range(len(tasks) * len(sizes) * 20)]
    assert all(len(set(message)) == 1 and len(message) in sizes for message in got)
    for me, task in enumerate(tasks):
        assert [len(message) for message in got if message[0] == me] == sizes * 20
        task.result()


@pytest.mark.parametrize("method", METHODS)
def test_an_end_goes_to_a_child(method: str) -> None:
    context = hasten.multiprocessing.get_context(method)
    here, there = context.Pipe(shm=True)
    with here, there:
        child = context.Process(target=targets.echo, args=(there,))
        child.start()
        there.close()
        for thing in (1, "text", b"x" * 300_000, None):
            here.send(thing)
            assert here.recv() == thing
        with pytest.raises(EOFError):
            here.recv()
        child.join(PATIENCE)
        assert child.exitcode == 0


@pytest.mark.parametrize("kind", ["pipe", "shm", "queue"])
def test_an_end_is_sent(kind: str) -> None:
    context = hasten.multiprocessing.get_context("spawn")
    here, there = ours.Pipe(shm=True)
    with here, there:
        if kind == "queue":
            way = context.Queue()
            child = context.Process(target=targets.echo_from_queue, args=(way,))
            child.start()
            way.put(there)
        else:
            way, their_way = ours.Pipe(shm=kind == "shm")
            child = context.Process(target=targets.echo_from_pipe, args=(their_way,))
            child.start()
            way.send(there)
        here.send("hello")
        assert here.recv() == "hello"
        here.send(None)
        child.join(PATIENCE)
        assert child.exitcode == 0
        way.close()
        if kind != "queue":
            their_way.close()
        resource_sharer.stop(PATIENCE)


def test_only_for_children_and_connections(shm: Any) -> None:
    for attempt in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            attempt(shm[0])


def killed(target: Callable[..., Any], *args: Any) -> Any:
    """A forked child that runs the target until it is killed."""
    process = multiprocessing.get_context("fork").Process(target=target, args=args)
    process.start()
    return process


def test_a_sender_is_killed_in_the_middle(shm: Any) -> None:
    """What it had sent is there, whole and in order; then comes the end."""
    for turn in range(12):
        receiver, sender = ours.Pipe(False, shm=True)
        with receiver:
            child = killed(targets.send_for_ever, sender)
            sender.close()
            numbers = [targets.checked(receiver.recv_bytes()) for _ in range(1 + turn)]
            child.kill()
            with pytest.raises(EOFError):
                while True:
                    numbers.append(targets.checked(receiver.recv_bytes()))
            assert numbers == list(range(len(numbers)))
            child.join(PATIENCE)
            assert child.exitcode == -signal.SIGKILL


def test_a_receiver_is_killed_while_the_sender_waits() -> None:
    receiver, sender = ours.Pipe(False, shm=True)
    with sender:
        child = killed(targets.receive_one_and_sleep, receiver)
        receiver.close()
        sending = Task(targets.send_for_ever, sender)
        sending.start()
        sending.settle()
        child.kill()
        with pytest.raises(BrokenPipeError):
            sending.result()
        child.join(PATIENCE)


def test_the_end_comes_with_the_last_process_that_has_it(shm: Any) -> None:
    here, there = shm
    pid = child_of_fork(lambda: targets.echo(there))
    there.close()
    here.send(1)
    assert here.recv() == 1 and not here.poll(0)
    here.send(None)
    assert here.recv() is None
    with pytest.raises(EOFError):
        here.recv()
    assert status_of(pid) == 0


# ---- what it costs ----


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_no_descriptor_is_left() -> None:
    before = open_files()
    for duplex in (True, False) * 20:
        one, other = ours.Pipe(duplex, shm=True)
        one.fileno(), other.fileno()
        one.close()
        del other
    assert open_files() == before


def test_without_descriptors_it_is_an_error_and_none_is_left() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    for free in range(12):
        before = open_files()
        highest = max(map(int, os.listdir("/proc/self/fd")))
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + free, limits[1]))
        try:
            with contextlib.suppress(OSError):
                ours.Pipe(shm=True)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert open_files() == before


def test_where_there_is_no_such_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_ring() -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(_ring, "Ring", no_ring)
    one, other = ours.Pipe(shm=True)
    with one, other:
        assert type(one) is type(other) is ours.Connection


def test_dummy_takes_it_too() -> None:
    one, other = dummy.Pipe(shm=True)
    one.send(1)
    assert other.recv() == 1


def test_a_signal_handler_runs_while_it_waits(shm: Any) -> None:
    class Rung(Exception):
        pass

    def ring(*_: object) -> None:
        raise Rung

    before = signal.signal(signal.SIGUSR1, ring)
    try:
        main = threading.get_ident()
        caller = threading.Thread(target=lambda: signal.pthread_kill(main, signal.SIGUSR1))
        with pytest.raises(Rung):
            caller.start()
            shm[0].recv()
        caller.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    shm[1].send(1)
    assert shm[0].recv() == 1


AT_EXIT = """
from hasten.multiprocessing.connection import Pipe
one, other = Pipe(shm=True)
one.fileno()
other.send(1)
"""


def test_left_open_at_exit() -> None:
    command = [sys.executable, "-X", "dev", "-c", AT_EXIT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")


def test_counts_are_exact(shm: Any) -> None:
    one, other = shm
    for number in range(3):
        one.send(number)
    until(lambda: other._incoming.count() == 3)
    assert [other.recv() for _ in range(3)] == [0, 1, 2]
