"""Whatever bytes come: a message, EOFError or OSError, as a reading of the format in Python has it."""

from __future__ import annotations

import os
import random
import socket
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from hasten.multiprocessing.connection import Connection

lengths = st.one_of(
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-3, 40),
    st.sampled_from([-1, 0, 16384, 2**31 - 1, -(2**31)]),
)
long_lengths = st.one_of(
    st.integers(0, 40), st.integers(0, 2**64 - 1), st.sampled_from([2**31, 2**63, 2**64 - 1])
)
chunks = st.one_of(
    lengths.map(lambda length: struct.pack("!i", length)),
    long_lengths.map(lambda length: b"\xff\xff\xff\xff" + struct.pack("!Q", length)),
    st.binary(max_size=60),
    st.binary(max_size=60).map(lambda data: struct.pack("!i", len(data)) + data),
)
streams = st.lists(chunks, max_size=8).map(b"".join)


def expected(stream, maxlength):
    """The messages of a stream, and how it ends."""
    messages = []
    while True:
        header, stream = stream[:4], stream[4:]
        if len(header) < 4:
            return messages, OSError if header else EOFError
        (length,) = struct.unpack("!i", header)
        if length == -1:
            header, stream = stream[:8], stream[8:]
            if len(header) < 8:
                return messages, OSError if header else EOFError
            (length,) = struct.unpack("!Q", header)
        if length < 0 or length > 2**63 - 65 or (maxlength is not None and length > maxlength):
            return messages, OSError
        message, stream = stream[:length], stream[length:]
        if len(message) < length:
            return messages, OSError if message else EOFError
        messages.append(message)


def received(stream, maxlength, receive):
    one, other = socket.socketpair()
    with other, Connection(one.detach()) as connection:
        other.sendall(stream)
        other.shutdown(socket.SHUT_WR)
        messages = []
        while True:
            try:
                messages.append(receive(connection, maxlength))
            except EOFError:
                return messages, EOFError
            except OSError:
                return messages, OSError


def of_random(random):
    """A stream of headers, true and false, and bytes."""
    stream = []
    for _ in range(random.randrange(8)):
        data = random.randbytes(random.choice((0, 1, 5, 60)))
        kind = random.randrange(6)
        if kind == 0:
            stream.append(struct.pack("!i", random.randrange(-(2**31), 2**31)))
        elif kind == 1:
            stream.append(struct.pack("!i", random.choice((-1, -1, -2, 0, 3, 16384, 2**31 - 1, -(2**31)))))
        elif kind == 2:
            stream.append(
                b"\xff" * 4 + struct.pack("!Q", random.choice((0, 7, 2**31, 2**62, 2**63, 2**64 - 1)))
            )
        elif kind == 3:
            stream.append(data)
        else:
            stream.append(struct.pack("!i", len(data)) + data)
    return b"".join(stream)


def whole(connection, maxlength):
    return connection.recv_bytes(maxlength)


def into(connection, maxlength):
    buffer = bytearray(1000)
    return bytes(buffer[: connection.recv_bytes_into(buffer)])


def test_thousands_of_inputs():
    """HASTEN_FUZZ=1000000 for a million."""
    seed = random.randrange(2**32)
    source = random.Random(seed)
    for number in range(int(os.environ.get("HASTEN_FUZZ", "5000"))):
        stream, maxlength = of_random(source), source.choice((None, None, 0, 5, 50))
        assert received(stream, maxlength, whole) == expected(stream, maxlength), (seed, number)


@settings(max_examples=150, deadline=None)
@given(streams, st.one_of(st.none(), st.integers(0, 50)))
def test_any_bytes(stream, maxlength):
    assert received(stream, maxlength, whole) == expected(stream, maxlength)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=10))
def test_any_messages(messages):
    stream = b"".join(struct.pack("!i", len(message)) + message for message in messages)
    assert received(stream, None, into) == (messages, EOFError)
    one, other = socket.socketpair()
    with other, Connection(one.detach()) as connection:
        for message in messages:
            connection.send_bytes(message)
        connection.close()
        assert b"".join(iter(lambda: other.recv(1 << 16), b"")) == stream
