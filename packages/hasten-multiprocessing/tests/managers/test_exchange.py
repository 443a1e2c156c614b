"""The mailbox that a manager's channel goes through: two ends in one process."""

from __future__ import annotations

import mmap
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tasks import Task, until

from hasten.multiprocessing import connection
from hasten.multiprocessing._transport import _exchange, _line

LONGEST = 8192  # bytes that go through the memory


def connected() -> tuple[Any, Any]:
    one, other = (connection.Connection(each.detach()) for each in socket.socketpair())
    return one, other


def ends_and_memory() -> tuple[Any, Any, int]:
    """Both ends, and a descriptor of the memory, the caller's."""
    one, other = connected()
    first = _exchange.Exchange(one)
    first.offer()
    memory = _exchange.receive_descriptor(other)
    return first, _exchange.Exchange(other, memory), memory


def ends() -> tuple[Any, Any]:
    one, other, memory = ends_and_memory()
    os.close(memory)
    return one, other


@pytest.fixture
def pair() -> Iterator[Any]:
    one, other = ends()
    with one, other:
        yield one, other


def begun(function: Any, *args: Any) -> Task:
    task = Task(function, *args)
    task.start()
    return task


SIZES = [0, 1, 3, 4, 5, 4095, LONGEST - 1, LONGEST, LONGEST + 1, 16384, 100_000]


@pytest.mark.parametrize("size", SIZES)
def test_sizes(pair: Any, size: int) -> None:
    for sender, receiver in (pair, pair[::-1]):
        for round_ in range(5):  # so that it wraps
            data = os.urandom(size)
            sender.send_bytes(data if round_ % 2 else bytearray(data))
            assert receiver.recv_bytes() == data
    assert not pair[0].poll() and not pair[1].poll()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(SIZES)), max_size=60))
def test_one_is_put_and_taken_after_the_other(steps: list[tuple[bool, int]]) -> None:
    one, other = ends()
    with one, other:
        for first, size in steps:
            sender, receiver = (one, other) if first else (other, one)
            sender.send((size, b"x" * size))
            assert receiver.poll() and receiver.recv() == (size, b"x" * size)


def test_many_wait_in_the_mailbox(pair: Any) -> None:
    for number in range(500):
        pair[0].send(number)
    assert [pair[1].recv() for _ in range(500)] == list(range(500))


def test_a_sender_waits_for_room(pair: Any) -> None:
    def send() -> None:
        for number in range(200):
            pair[0].send((number, b"x" * (number * 60)))

    sending = begun(send)
    for number in range(200):
        assert pair[1].recv() == (number, b"x" * (number * 60))
    sending.result()


def test_a_sender_that_waits_for_room_is_told_of_the_end(pair: Any) -> None:
    def send() -> None:
        while True:
            pair[0].send_bytes(b"x" * LONGEST)

    sending = begun(send)
    pair[1].recv_bytes()
    pair[1].close()
    with pytest.raises(ConnectionError):
        sending.result()


def test_back_and_forth(pair: Any) -> None:
    def echo() -> None:
        while (thing := pair[1].recv()) is not None:
            pair[1].send(thing)

    echoing = begun(echo)
    for number in range(3000):
        pair[0].send((number, b"x" * (number % 97 * 100)))
        assert pair[0].recv()[0] == number
    pair[0].send(None)
    echoing.result()


def test_the_end_comes_after_the_last_word(pair: Any) -> None:
    pair[0].send("last")
    pair[0].close()
    assert pair[1].poll() and pair[1].recv() == "last"
    assert pair[1].poll(None)
    for _ in range(2):
        with pytest.raises(EOFError):
            pair[1].recv()


def test_who_sleeps_is_told_of_the_end(pair: Any) -> None:
    waiting = begun(pair[1].recv_bytes).settle()
    pair[0].close()
    with pytest.raises(EOFError):
        waiting.result()


# ---- over the socket alone ----


@pytest.fixture
def lines() -> Iterator[Any]:
    one, other = (_line.Line(connection.Connection(each.detach())) for each in socket.socketpair())
    with one, other:
        yield one, other


@pytest.mark.parametrize("size", [*SIZES, 1019, 1020, 1021, 1024, 20 << 20])
def test_sizes_over_the_socket(lines: Any, size: int) -> None:
    data = os.urandom(size)
    sending = begun(lambda: [lines[0].send_bytes(data) for _ in range(3)])
    for _ in range(3):
        assert lines[1].recv_bytes() == data
    sending.result()
    assert not lines[1].poll()


def test_many_over_the_socket(lines: Any) -> None:
    messages = [os.urandom(size % 700) for size in range(0, 40_000, 111)]
    sending = begun(lambda: [lines[0].send_bytes(message) for message in messages])
    for number, message in enumerate(messages):
        assert lines[1].poll(None) and lines[1].recv_bytes() == message, number
    sending.result()


@pytest.mark.parametrize("cut", [0, 1, 3, 4, 8, 11, 12, 50])
def test_the_end_in_a_message(lines: Any, cut: int) -> None:
    message = b"\xff\xff\xff\xff\0\0\0\0\0\0\0\x64" + b"x" * 100
    os.write(lines[0].fileno(), message + message[:cut])
    lines[0].close()
    assert lines[1].recv_bytes() == b"x" * 100
    with pytest.raises(EOFError if cut == 0 else OSError):
        lines[1].recv_bytes()


@pytest.mark.parametrize("head", [b"\x80\0\0\0", b"\xff" * 12])
def test_a_length_that_can_not_be(lines: Any, head: bytes) -> None:
    os.write(lines[0].fileno(), head)
    with pytest.raises(OSError, match="bad message length"):
        lines[1].recv_bytes()


def test_closed(pair: Any) -> None:
    pair[0].close()
    pair[0].close()
    assert pair[0].closed and not pair[1].closed
    for use in (pair[0].recv, pair[0].poll, pair[0].fileno, lambda: pair[0].send(1)):
        with pytest.raises(OSError, match="closed"):
            use()


@pytest.mark.parametrize("timeout", [0, 0.001, 0.02])
def test_poll_in_vain_then_a_message(pair: Any, timeout: float) -> None:
    for number in range(20):
        assert not pair[1].poll(timeout)
        pair[0].send(number)
        assert pair[1].poll(timeout) and pair[1].recv() == number


def test_poll_that_is_woken(pair: Any) -> None:
    waiting = begun(lambda: pair[1].poll(None)).settle()
    pair[0].send("woken")
    assert waiting.result() and pair[1].recv() == "woken"


def test_woken_late_for_what_has_been_taken() -> None:
    sender, receiver, memory = ends_and_memory()
    with sender, receiver, mmap.mmap(memory, 0) as seen:
        os.close(memory)
        waiting = begun(receiver.recv)
        until(lambda: seen[4:8] == b"\1\0\0\0")
        for _ in range(3):
            waiting.settle()
            seen[4:8] = bytes(4)
            os.write(sender.fileno(), b"*")
            until(lambda: seen[4:8] == b"\1\0\0\0")
        sender.send("now")
        assert waiting.result() == "now"


def test_a_byte_that_nobody_meant(pair: Any) -> None:
    """Of somebody who writes to the socket, as before."""
    os.write(pair[0].fileno(), b"\0\0\0\1x")
    with pytest.raises(OSError, match="does not use the memory"):
        pair[1].recv_bytes()


def test_memory_that_makes_no_sense() -> None:
    one, other, memory = ends_and_memory()
    with one, other, mmap.mmap(memory, 0) as seen:
        os.close(memory)
        for at in range(0, 256, 64):
            seen[at : at + 4] = b"\x77" * 4
        for at in range(16384, len(seen) - 4, 4):
            seen[at : at + 4] = b"\x77" * 4
        with pytest.raises(OSError, match="makes no sense"):
            one.recv_bytes()


def test_memory_of_another_kind() -> None:
    one, other = connected()
    memory = os.memfd_create("test", os.MFD_CLOEXEC)
    with one, other:
        os.ftruncate(memory, 1 << 20)
        with pytest.raises(OSError):
            _exchange.Exchange(one, memory)
        with open(os.devnull) as null, pytest.raises(OSError):
            _exchange.Exchange(one, null.fileno())
        os.close(memory)


def test_the_memory_that_arrives() -> None:
    """Nobody makes it shorter, and it is offered once."""
    one, other, memory = ends_and_memory()
    with one, other:
        assert not os.get_inheritable(memory)
        with pytest.raises(PermissionError):
            os.ftruncate(memory, 1)
        os.close(memory)
        with pytest.raises(OSError):
            one.offer()


def test_no_descriptor_arrives() -> None:
    one, other = connected()
    with one, other:
        one.send_bytes(b"")
        assert _exchange.receive_descriptor(other) is None  # a byte of a message
        one.close()
        for _ in range(3):
            assert _exchange.receive_descriptor(other) is None
        with pytest.raises(OSError):
            _exchange.receive_descriptor(other)


def test_memory_that_is_not_offered_goes() -> None:
    one, other = connected()
    with one, other:
        before = len(os.listdir("/proc/self/fd"))
        _exchange.Exchange(one)
        assert len(os.listdir("/proc/self/fd")) == before and not one.closed
