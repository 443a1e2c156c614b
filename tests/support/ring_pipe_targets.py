"""What the children of test_ring_pipe.py run."""

from __future__ import annotations

import struct
import time
from typing import Any

HEAD = struct.Struct("<QQ")


def echo(connection: Any) -> None:
    """Send back what comes; None is the last."""
    with connection:
        while True:
            thing = connection.recv()
            connection.send(thing)
            if thing is None:
                return


def echo_from_queue(queue: Any) -> None:
    echo(queue.get())


def echo_from_pipe(pipe: Any) -> None:
    echo(pipe.recv())


def send_for_ever(connection: Any) -> None:
    """Messages of all sizes, with their number and length in front, and a byte that tells them apart."""
    number = 0
    while True:
        size = (number * 7919) % 90_000 if number % 10 else 700_000
        connection.send_bytes(HEAD.pack(number, size) + bytes([number % 256]) * size)
        number += 1


def checked(message: bytes) -> int:
    """The number of a message, which has to be whole."""
    number, size = HEAD.unpack_from(message)
    body = message[HEAD.size :]
    assert len(body) == size and body == bytes([number % 256]) * size
    return int(number)


def receive_one_and_sleep(connection: Any) -> None:
    connection.recv_bytes()
    time.sleep(600)


NAMED = struct.Struct("<QQQ")
SIZES = (0, 10, 5000, 70_000, 262_144 - 32, 262_144, 700_000)


def message_of(name: int, number: int) -> bytes:
    """A message that tells who has sent it and which it is; named() checks it."""
    size = SIZES[number % len(SIZES)]
    return NAMED.pack(name, number, size) + bytes([(name + number) % 256]) * size


def named(message: bytes) -> tuple[int, int]:
    """The name and the number of a message of message_of(), which has to be whole."""
    name, number, _ = NAMED.unpack_from(message)
    assert message == message_of(name, number)
    return name, number


def send_named_for_ever(sender: Any, receiver: Any, name: int) -> None:
    receiver.close()
    number = 0
    while True:
        sender.send_bytes(message_of(name, number))
        number += 1


def receive_for_ever(receiver: Any, sender: Any) -> None:
    sender.close()
    while True:
        named(receiver.recv_bytes())
