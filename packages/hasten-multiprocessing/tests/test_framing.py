"""Whatever bytes come: a message, EOFError or OSError, as a reading of the format in Python has it."""

from __future__ import annotations

import os
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


def whole(connection, maxlength):
    return connection.recv_bytes(maxlength)


def into(connection, maxlength):
    buffer = bytearray(1000)
    return bytes(buffer[: connection.recv_bytes_into(buffer)])


EXAMPLES = int(os.environ.get("HASTEN_FUZZ", "600"))


@settings(max_examples=EXAMPLES, deadline=None)
@given(streams, st.one_of(st.none(), st.integers(0, 50)))
def test_any_bytes(stream, maxlength):
    assert received(stream, maxlength, whole) == expected(stream, maxlength)


@settings(max_examples=EXAMPLES, deadline=None)
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


@settings(max_examples=EXAMPLES // 5, deadline=None)
@given(streams)
def test_a_descriptor_that_does_not_block(stream):
    """What has arrived is read without a wait, and the end is seen."""
    one, other = socket.socketpair()
    messages, end = expected(stream, 100)
    seen = []
    with other, Connection(one.detach()) as connection:
        os.set_blocking(connection.fileno(), False)
        other.sendall(stream)
        other.shutdown(socket.SHUT_WR)
        try:
            while True:
                seen.append(connection.recv_bytes(100))
        except EOFError:
            assert (seen, EOFError) == (messages, end)
        except OSError as error:
            assert not isinstance(error, BlockingIOError) and (seen, OSError) == (messages, end)
