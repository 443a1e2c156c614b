"""Pipe, Connection and wait, over the standard library's and ours; the ends of a pipe may be of either."""

from __future__ import annotations

import array
import gc
import multiprocessing.connection
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest
from support.forked import child_of_fork, status_of
from support.tasks import Task

import hasten.multiprocessing.connection
from hasten.multiprocessing._transport import _wire

STDLIB, OURS = multiprocessing.connection, hasten.multiprocessing.connection
PAIRS = {"stdlib": (STDLIB, STDLIB), "hasten": (OURS, OURS), "to": (STDLIB, OURS), "from": (OURS, STDLIB)}


@pytest.fixture(params=[STDLIB, OURS], ids=["stdlib", "hasten"])
def impl(request):
    return request.param


@pytest.fixture
def made():
    connections = []
    yield connections
    for connection in connections:
        connection.close()


@pytest.fixture(params=["socket", "pipe"])
def kind(request):
    return request.param


def pair_of(first, second, kind, made):
    """A connection that receives, of the module *first*, and one that sends."""
    if kind == "socket":
        ends = [end.detach() for end in socket.socketpair()]
        made += [first.Connection(ends[0]), second.Connection(ends[1])]
    else:
        reader, writer = os.pipe()
        made += [first.Connection(reader, writable=False), second.Connection(writer, readable=False)]
    return made[-2:]


@pytest.fixture(params=list(PAIRS))
def pair(request, kind, made):
    return pair_of(*PAIRS[request.param], kind, made)


@pytest.fixture
def ends(impl, kind, made):
    """A receiver and a sender of the same module."""
    return pair_of(impl, impl, kind, made)


@pytest.fixture
def raw(impl, made):
    """A receiver, and a socket to write bytes to it."""
    one, other = socket.socketpair()
    made.append(impl.Connection(one.detach()))
    with other:
        yield made[-1], other


# ---- messages ----

OBJECTS = [
    None,
    0,
    -1,
    "text",
    b"",
    b"bytes",
    (1, "abc", 2.5),
    [{"a": {1}}] * 3,
    "y" * 200000,
    bytearray(300000),
]


def test_objects(pair):
    receiver, sender = pair
    task = Task(lambda: [sender.send(obj) for obj in OBJECTS])
    task.start()
    assert [receiver.recv() for _ in OBJECTS] == OBJECTS
    task.result()


@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 16385, 65536, 1 << 20, (1 << 24) + 5])
def test_bytes(pair, size):
    receiver, sender = pair
    data = os.urandom(min(size, 1 << 20)).ljust(size, b"e")
    task = Task(sender.send_bytes, data)
    task.start()
    assert receiver.recv_bytes() == data
    task.result()


def test_many_large_bytes_objects_in_one(pair):
    receiver, sender = pair
    sent = [bytes([number % 256]) * 70000 for number in range(60)]
    task = Task(sender.send, sent)
    task.start()
    assert receiver.recv() == sent
    task.result()


@pytest.mark.parametrize(
    "offset, size, expected",
    [(0, None, b"abcdef"), (2, None, b"cdef"), (1, 2, b"bc"), (6, None, b""), (3, 0, b"")],
)
@pytest.mark.parametrize("kind_of_bytes", [bytes, bytearray, memoryview])
def test_parts_of_bytes(ends, offset, size, expected, kind_of_bytes):
    ends[1].send_bytes(kind_of_bytes(b"abcdef"), offset, size)
    assert ends[0].recv_bytes() == expected


@pytest.mark.parametrize(
    "offset, size, text",
    [
        (-1, None, "offset is negative"),
        (7, None, "buffer length < offset"),
        (0, -1, "size is negative"),
        (4, 3, "buffer length < offset"),
    ],
)
def test_parts_that_are_not_there(ends, offset, size, text):
    with pytest.raises(ValueError, match=text):
        ends[1].send_bytes(b"abcdef", offset, size)
    assert not ends[0].poll()


def test_items_are_sent_as_bytes(ends):
    numbers = array.array("i", range(5))
    ends[1].send_bytes(numbers, 4, 8)
    assert ends[0].recv_bytes() == numbers.tobytes()[4:12]


@pytest.mark.parametrize("wrong", ["text", 5, None, [1]])
def test_what_is_no_bytes(ends, wrong):
    with pytest.raises(TypeError, match="bytes-like"):
        ends[1].send_bytes(wrong)
    assert not ends[0].poll()


def test_an_object_that_cannot_be_pickled(ends):
    with pytest.raises(Exception, match="pickle"):
        ends[1].send([1, lambda: None])
    ends[1].send("next")
    assert ends[0].recv() == "next"


def test_into_a_buffer(ends):
    numbers = array.array("i", [0] * 10)
    ends[1].send_bytes(struct.pack("3i", 1, 2, 3))
    assert ends[0].recv_bytes_into(numbers) == 12
    ends[1].send_bytes(struct.pack("2i", 8, 9))
    assert ends[0].recv_bytes_into(numbers, 4 * numbers.itemsize) == 8
    assert numbers.tolist() == [1, 2, 3, 0, 8, 9, 0, 0, 0, 0]
    ends[1].send_bytes(b"")
    assert ends[0].recv_bytes_into(bytearray()) == 0


def test_into_a_buffer_that_is_too_short(ends):
    ends[1].send_bytes(b"a longer message")
    buffer = bytearray(10)
    with pytest.raises(multiprocessing.BufferTooShort) as caught:
        ends[0].recv_bytes_into(buffer)
    assert caught.value.args == (b"a longer message",) and buffer == bytes(10)
    ends[1].send_bytes(b"next")
    assert ends[0].recv_bytes_into(buffer, 6) == 4


@pytest.mark.parametrize("offset, text", [(-1, "negative offset"), (11, "offset too large")])
def test_into_a_buffer_at_a_wrong_offset(ends, offset, text):
    ends[1].send_bytes(b"message")
    with pytest.raises(ValueError, match=text):
        ends[0].recv_bytes_into(bytearray(10), offset)
    assert ends[0].recv_bytes() == b"message"


@pytest.mark.parametrize("buffer", [bytes(10), "text", memoryview(bytes(10)), memoryview(bytearray(20))[::2]])
def test_into_what_cannot_be_written_to(made, buffer):
    receiver, sender = pair_of(OURS, OURS, "socket", made)
    sender.send_bytes(b"message")
    with pytest.raises(TypeError):
        receiver.recv_bytes_into(buffer)
    assert receiver.recv_bytes() == b"message"


# ---- states ----


def test_directions(impl, made):
    made += impl.Pipe(duplex=False)
    receiver, sender = made
    assert (receiver.readable, receiver.writable, sender.readable, sender.writable) == (
        True,
        False,
        False,
        True,
    )
    for call in (receiver.send, receiver.send_bytes):
        with pytest.raises(OSError, match="connection is read-only"):
            call(b"")
    for call in (sender.recv, sender.recv_bytes, sender.poll, lambda: sender.recv_bytes_into(bytearray(1))):
        with pytest.raises(OSError, match="connection is write-only"):
            call()
    made += impl.Pipe()
    for there, back in (made[2:], made[:1:-1]):
        there.send("both ways")
        assert back.recv() == "both ways"


def test_making_one(impl):
    with pytest.raises(ValueError, match="invalid handle"):
        impl.Connection(-1)
    with pytest.raises(ValueError, match="at least one of `readable` and `writable` must be True"):
        impl.Connection(0, readable=False, writable=False)
    with pytest.raises((AttributeError, TypeError)):
        impl.Connection("0")


def test_a_closed_one(impl, made):
    made += impl.Pipe()
    with made[0] as connection:
        assert not connection.closed and connection.fileno() == connection._handle >= 0
        number = connection.fileno()
    connection.close()
    assert connection.closed and connection._handle is None
    with pytest.raises(OSError):
        os.fstat(number)
    calls = [connection.recv, connection.recv_bytes, connection.poll, connection.fileno]
    calls += [lambda: connection.send(1), lambda: connection.send_bytes(b"")]
    calls += [lambda: connection.recv_bytes_into(bytearray(1))]
    for call in calls:
        with pytest.raises(OSError, match="handle is closed"):
            call()


LAST = """
import os, sys
from {module} import Connection, Pipe
class Own(Connection):
    def _poll(self, timeout): return True
class Keeper: pass
keeper = Keeper()
keeper.ends = Pipe(), Own(os.pipe()[0])
keeper.itself = keeper
sys.keeper = keeper
"""


def test_one_that_dies_with_the_interpreter(impl):
    """Its class may never have been looked at, and the names of its module are gone."""
    program = LAST.format(module=impl.__name__)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_descriptor_goes_with_the_connection(impl):
    one, other = impl.Pipe()
    number = one.fileno()
    del one
    gc.collect()
    with pytest.raises(OSError):
        os.fstat(number)
    with pytest.raises(EOFError):
        other.recv()
    other.close()


def test_letting_go_of_the_descriptor(impl):
    one, other = impl.Pipe()
    number, one._handle = one._handle, None
    assert one.closed
    one.close()
    os.close(number)
    other.close()


def test_the_classes():
    assert issubclass(OURS.Connection, STDLIB.Connection)
    assert OURS.Connection.__mro__[1] is _wire.Connection
    for name in set(dir(STDLIB.Connection)) - set(dir(object)) - {"__weakref__", "__dict__"}:
        owner = next(cls for cls in OURS.Connection.__mro__ if name in vars(cls))
        assert owner in OURS.Connection.__mro__[:2], name


# ---- the end ----


def test_the_end(ends):
    ends[1].send("last")
    ends[1].close()
    assert ends[0].recv() == "last"
    assert ends[0].poll() and ends[0].poll(None)
    for call in (ends[0].recv, ends[0].recv_bytes, lambda: ends[0].recv_bytes_into(bytearray(3))):
        with pytest.raises(EOFError):
            call()


def test_nobody_reads(ends):
    ends[0].close()
    with pytest.raises(BrokenPipeError):
        ends[1].send_bytes(b"x" * 100)


@pytest.mark.parametrize("data", [b"\0", b"\0\0\0", b"\0\0\0\5abcd", b"\xff\xff\xff\xff\0\0"])
def test_the_end_within_a_message(raw, data):
    raw[1].sendall(data)
    raw[1].close()
    with pytest.raises(OSError, match="got end of file during message"):
        raw[0].recv_bytes()


@pytest.mark.parametrize("data", [b"", b"\0\0\0\5", b"\xff\xff\xff\xff"])
def test_the_end_between_parts_of_a_message(raw, data):
    raw[1].sendall(data)
    raw[1].close()
    with pytest.raises(EOFError):
        raw[0].recv_bytes()


def test_a_message_that_is_too_long(impl, kind, made):
    receiver, sender = pair_of(impl, impl, kind, made)
    sender.send_bytes(b"12345")
    sender.send_bytes(b"123456")
    assert receiver.recv_bytes(5) == b"12345"
    with pytest.raises(OSError, match="bad message length"):
        receiver.recv_bytes(5)
    if kind == "socket":
        assert not receiver.readable and not receiver.closed
    else:
        assert receiver.closed
    with pytest.raises(ValueError, match="negative maxlength"):
        made[0].__class__(os.dup(sender.fileno())).recv_bytes(-1)


# ---- headers, whatever they say ----


@pytest.mark.parametrize("size", [1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1])
def test_a_promise_takes_no_memory(made, size):
    one, other = socket.socketpair()
    made.append(OURS.Connection(one.detach()))
    with other:
        other.sendall(b"\xff\xff\xff\xff" + struct.pack("!Q", size) + b"only this")
    before = peak()
    with pytest.raises(OSError, match="got end of file during message|bad message length"):
        made[0].recv_bytes()
    assert peak() - before < 64 << 20


def peak():
    """The most memory this process has had mapped at a time, in bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmPeak"))


@pytest.mark.parametrize("header", [b"\xff\xff\xff\xfe", b"\x80\0\0\0", b"\xff" * 12])
def test_lengths_that_cannot_be(made, header):
    one, other = socket.socketpair()
    made.append(OURS.Connection(one.detach()))
    with other:
        other.sendall(header)
        with pytest.raises(OSError, match="bad message length"):
            made[0].recv()
    assert not made[0].readable


def test_a_length_may_be_written_the_long_way(raw):
    raw[1].sendall(b"\xff\xff\xff\xff" + struct.pack("!Q", 3) + b"abc" + b"\0\0\0\1d")
    assert (raw[0].recv_bytes(), raw[0].recv_bytes()) == (b"abc", b"d")


def test_not_a_byte_too_many_is_read(raw):
    raw[1].sendall(b"\0\0\0\3abc" + b"rest")
    assert raw[0].recv_bytes() == b"abc"
    assert os.read(raw[0].fileno(), 100) == b"rest"


def test_what_is_written(raw):
    raw[0].send_bytes(b"abc")
    assert raw[1].recv(100) == b"\0\0\0\3abc"


# ---- descriptors that do not block ----


def test_nothing_yet(ends):
    os.set_blocking(ends[0].fileno(), False)
    for call in (ends[0].recv, ends[0].recv_bytes):
        with pytest.raises(BlockingIOError):
            call()
    ends[1].send("now")
    assert ends[0].recv() == "now"


def test_a_message_that_has_begun_is_waited_for(made):
    one, other = socket.socketpair()
    made.append(OURS.Connection(one.detach()))
    os.set_blocking(made[0].fileno(), False)
    with other:
        for sent in (b"\0\0", b"\0\0\0\5", b"\0\0\0\5ab"):
            other.sendall(sent)
            task = Task(made[0].recv_bytes)
            task.start()
            task.settle()
            other.sendall((b"\0\0\0\5abcde")[len(sent) :])
            assert task.result() == b"abcde"


def test_a_message_that_is_half_out_is_finished(made):
    receiver, sender = pair_of(OURS, OURS, "socket", made)
    os.set_blocking(sender.fileno(), False)
    task = Task(sender.send_bytes, b"x" * (4 << 20))
    task.start()
    task.settle()
    assert receiver.recv_bytes() == b"x" * (4 << 20)
    task.result()


# ---- signals ----


class Interrupt(Exception):
    pass


@pytest.fixture
def on_alarm():
    before = signal.getsignal(signal.SIGALRM)

    def arrange(function):
        """Run it once.  The signal comes again until then: the standard library may sleep over one."""

        def handle(*_):
            signal.setitimer(signal.ITIMER_REAL, 0)
            function()

        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.2)

    yield arrange
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def interrupt():
    raise Interrupt


def test_a_handler_runs_while_it_waits(ends, on_alarm):
    on_alarm(lambda: ends[1].send("by the handler"))
    assert ends[0].recv() == "by the handler"
    on_alarm(lambda: ends[1].send("by the handler"))
    assert ends[0].poll(None) and ends[0].recv() == "by the handler"


def test_a_handler_runs_in_the_middle_of_a_message(raw, on_alarm):
    raw[1].sendall(b"\0\0\0\5ab")
    on_alarm(lambda: raw[1].sendall(b"cde"))
    assert raw[0].recv_bytes() == b"abcde"


def test_a_handler_makes_room(ends, on_alarm):
    received = []
    on_alarm(lambda: received.append(Task(ends[0].recv_bytes)) or received[0].start())
    ends[1].send_bytes(b"x" * (1 << 20))
    assert len(received[0].result()) == 1 << 20


def test_a_handler_that_raises_ends_the_wait(ends, on_alarm):
    for call in (ends[0].recv, lambda: ends[0].poll(30), lambda: ends[1].send_bytes(b"x" * (1 << 22))):
        on_alarm(interrupt)
        with pytest.raises(Interrupt):
            call()


def test_a_handler_closes_the_connection(made, on_alarm):
    receiver, sender = pair_of(OURS, OURS, "socket", made)
    on_alarm(receiver.close)
    with pytest.raises(OSError, match="handle is closed"):
        receiver.recv()


def test_a_timeout_is_kept_over_signals(ends, on_alarm):
    on_alarm(lambda: None)
    start = time.monotonic()
    assert not ends[0].poll(0.15)
    assert time.monotonic() - start >= 0.149


# ---- poll and wait ----


def test_poll(ends):
    assert [ends[0].poll(), ends[0].poll(0), ends[0].poll(-1), ends[0].poll(0.01)] == [False] * 4
    ends[1].send(1)
    assert [ends[0].poll(), ends[0].poll(-1), ends[0].poll(5), ends[0].poll(None)] == [True] * 4


def test_timeouts_that_are_none(ends):
    with pytest.raises(ValueError):
        ends[0].poll(float("nan"))
    with pytest.raises(TypeError):
        ends[0].poll("soon")


def test_wait(impl, made):
    for _ in range(3):
        made += impl.Pipe()
    readers, writers = made[::2], made[1::2]
    assert (
        impl.wait(readers, 0)
        == []
        == impl.wait(readers, -1)
        == impl.wait(readers, 0.01)
        == impl.wait([], 0.01)
    )
    writers[2].send(1)
    writers[1].close()
    assert impl.wait(iter(readers)) == [readers[1], readers[2]]
    assert impl.wait(readers[::-1], None) == [readers[2], readers[1]]


def test_wait_for_other_things(impl, made):
    made += impl.Pipe()
    one, other = socket.socketpair()
    reader, writer = os.pipe()
    with one, other:
        assert impl.wait([made[0], one, reader], 0) == []
        other.send(b"x")
        os.write(writer, b"x")
        assert impl.wait([made[0], one, reader]) == [one, reader]
    os.close(reader)
    os.close(writer)


def test_wait_for_more_than_a_few(impl, made):
    for _ in range(40):
        made += impl.Pipe()
    made[79].send(1)
    made[1].send(1)
    assert impl.wait(made[::2], 5) == [made[0], made[78]]


def test_wait_is_woken(impl, made, on_alarm):
    made += impl.Pipe()
    on_alarm(lambda: made[1].send(1))
    assert impl.wait([made[0]], 30) == [made[0]]


def test_wait_for_what_is_none(impl, made):
    made += impl.Pipe()
    for wrong in (object(), "text", None, -1):
        with pytest.raises(ValueError, match="[Ii]nvalid file"):
            impl.wait([made[0], wrong], 0)
    with pytest.raises(KeyError, match="already registered"):
        impl.wait([made[0], made[0].fileno()], 0)
    with pytest.raises(ValueError):
        impl.wait([made[0]], float("nan"))
    made[0].close()
    with pytest.raises(OSError, match="handle is closed"):
        impl.wait([made[0]], 0)


def test_the_gil_is_free_while_waiting(ends):
    seen = threading.Event()
    for call in (ends[0].recv, lambda: ends[0].poll(None) and ends[0].recv()):
        task = Task(call)
        task.start()
        task.settle()
        seen.set()
        ends[1].send(seen.is_set())
        assert task.result() is True


def test_select_and_poll_see_it(ends):
    assert select.select([ends[0]], [], [], 0) == ([], [], [])
    ends[1].send(1)
    assert select.select([ends[0]], [], [], 5)[0] == [ends[0]]


# ---- classes that override a step ----


def recording(impl, name):
    """A class whose step *name* notes that it was called."""

    class Recording(impl.Connection):
        calls: list = []

    original = getattr(impl.Connection, name)

    def step(self, *args, **options):
        self.calls.append(name)
        return original(self, *args, **options)

    setattr(Recording, name, step)
    return Recording


@pytest.mark.parametrize(
    "name, call",
    [
        ("_send", lambda one, other: other.send(1)),
        ("_send", lambda one, other: other.send_bytes(b"x" * 20000)),
        ("_send_bytes", lambda one, other: other.send(1)),
        ("_send_bytes", lambda one, other: other.send_bytes(b"abc", 1)),
        ("_recv", lambda one, other: one.recv()),
        ("_recv", lambda one, other: one.recv_bytes()),
        ("_recv", lambda one, other: one.recv_bytes_into(bytearray(100))),
        ("_recv_bytes", lambda one, other: one.recv()),
        ("_recv_bytes", lambda one, other: one.recv_bytes(1000)),
        ("_recv_bytes", lambda one, other: one.recv_bytes_into(bytearray(100))),
        ("_poll", lambda one, other: one.poll(0.1)),
        ("_check_closed", lambda one, other: one.recv()),
        ("_check_readable", lambda one, other: one.poll()),
        ("_check_writable", lambda one, other: other.send(1)),
        ("_close", lambda one, other: one.close()),
    ],
)
def test_a_step_is_overridden(impl, made, name, call):
    cls = recording(impl, name)
    one, other = socket.socketpair()
    made += [cls(one.detach()), cls(other.detach())]
    impl.Connection(os.dup(made[1].fileno())).send(["an object"])
    before = len(cls.calls)
    call(*made)
    assert len(cls.calls) > before


def test_steps_carry_messages(impl, kind, made):
    class Reversed(impl.Connection):
        def _send_bytes(self, buf):
            super()._send_bytes(bytes(buf)[::-1])

        def _recv_bytes(self, maxsize=None):
            received = super()._recv_bytes(maxsize)
            if received is None:
                return None
            data = received.getvalue()[::-1]
            received.seek(0)
            received.write(data)
            return received

    class Module:
        Connection = Reversed

    receiver, sender = pair_of(Module, Module, kind, made)
    sender.send(["an object", "x" * 50000])
    assert receiver.recv() == ["an object", "x" * 50000]
    sender.send_bytes(b"abc")
    assert receiver.recv_bytes() == b"abc"
    sender.send_bytes(b"abc")
    buffer = bytearray(5)
    assert receiver.recv_bytes_into(buffer, 1) == 3 and buffer == b"\0abc\0"
    sender.send_bytes(b"too long")
    with pytest.raises(OSError, match="bad message length"):
        receiver.recv_bytes(3)


def test_a_step_is_patched_later(monkeypatch, made):
    receiver, sender = pair_of(OURS, OURS, "socket", made)
    sender.send(1)
    assert receiver.recv() == 1
    seen = []

    def patched(self, buf):
        seen.append(bytes(buf))
        original(self, buf)

    original = OURS.Connection._send_bytes
    monkeypatch.setattr(OURS.Connection, "_send_bytes", patched, raising=False)
    sender.send(2)
    assert len(seen) == 1 and receiver.recv() == 2
    monkeypatch.undo()
    sender.send(3)
    assert len(seen) == 1 and receiver.recv() == 3


def test_a_pickler_of_the_program(impl, monkeypatch, made):
    class Own(impl._ForkingPickler):
        @classmethod
        def dumps(cls, obj, protocol=None):
            return super().dumps(("own", obj), protocol)

    receiver, sender = pair_of(impl, impl, "socket", made)
    monkeypatch.setattr(impl, "_ForkingPickler", Own)
    sender.send(1)
    assert receiver.recv() == ("own", 1)


# ---- processes ----


def test_a_killed_sender(ends):
    receiver, sender = ends
    reader, writer = os.pipe()

    def send_for_ever():
        receiver.close()
        os.write(writer, b"x")
        while True:
            sender.send_bytes(b"x" * 100000)

    pid = child_of_fork(send_for_ever)
    os.read(reader, 1)
    sender.close()
    assert receiver.recv_bytes() == b"x" * 100000
    os.kill(pid, signal.SIGKILL)
    assert os.WIFSIGNALED(status_of(pid))
    with pytest.raises((EOFError, OSError)):
        while True:
            assert receiver.recv_bytes() == b"x" * 100000
    os.close(reader)
    os.close(writer)


def test_a_killed_receiver(ends):
    receiver, sender = ends
    pid = child_of_fork(lambda: (sender.close(), receiver.recv_bytes(), signal.pause()))
    receiver.close()
    sender.send_bytes(b"first")
    task = Task(sender.send_bytes, b"x" * (4 << 20))
    task.start()
    task.settle()
    os.kill(pid, signal.SIGKILL)
    assert os.WIFSIGNALED(status_of(pid))
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        task.result()
