"""Listener and Client, over the standard library's and ours, and one with the other."""

from __future__ import annotations

import errno
import gc
import multiprocessing.connection
import os
import resource
import signal
import socket
import struct
import sys
import tempfile
import threading
from multiprocessing import AuthenticationError

import pytest
from support.forked import child_of_fork, in_child, status_of
from support.tasks import Task, until

import hasten.multiprocessing.connection
from hasten.multiprocessing._transport import _listening

STDLIB, OURS = multiprocessing.connection, hasten.multiprocessing.connection
PAIRS = {
    "stdlib": (STDLIB, STDLIB),
    "hasten": (OURS, OURS),
    "ours listens": (OURS, STDLIB),
    "to": (STDLIB, OURS),
}
KEY = b"the key"
ABSTRACT = f"\0hasten test {os.getpid()}"


@pytest.fixture(params=[STDLIB, OURS], ids=["stdlib", "hasten"])
def impl(request):
    return request.param


@pytest.fixture(params=list(PAIRS))
def pair(request):
    return PAIRS[request.param]


@pytest.fixture
def listener():
    with OURS.Listener(("127.0.0.1", 0), authkey=KEY) as made:
        yield made


def raw_client(listener):
    return socket.create_connection(listener.address)


ADDRESSES = {
    "path": lambda folder: {"address": str(folder / "socket")},
    "free": lambda folder: {},
    "free path": lambda folder: {"family": "AF_UNIX"},
    "free port": lambda folder: {"family": "AF_INET"},
    "port": lambda folder: {"address": ("127.0.0.1", 0)},
    "abstract": lambda folder: {"address": ABSTRACT},
}


@pytest.mark.parametrize("address", list(ADDRESSES))
@pytest.mark.parametrize("authkey", [None, KEY])
def test_a_client(pair, address, authkey, tmp_path):
    with pair[0].Listener(authkey=authkey, **ADDRESSES[address](tmp_path)) as listener:
        task = Task(pair[1].Client, listener.address, authkey=authkey)
        task.start()
        assert listener.last_accepted is None
        with listener.accept() as here, task.result() as there:
            for one, other in ((here, there), (there, here)):
                one.send(["an object"])
                assert other.recv() == ["an object"]
            if "port" in address:
                assert listener.last_accepted[0] == "127.0.0.1"
        path = listener.address
    if isinstance(path, str) and path[0] == "/":
        assert not os.path.exists(path)


def test_an_empty_key_is_one():
    """Up to 3.11 the standard library's listener does not ask for it, while its client waits to be asked."""
    with OURS.Listener(authkey=b"") as listener:
        task = Task(OURS.Client, listener.address, authkey=b"")
        task.start()
        listener.accept().close()
        task.result().close()


def test_the_family_is_guessed(impl):
    assert impl.address_type(("host", 1)) == "AF_INET"
    assert impl.address_type("/path") == impl.address_type("\0abstract") == "AF_UNIX"
    assert impl.address_type("\\\\.\\pipe\\name") == "AF_PIPE"
    for wrong, error in ((5, TypeError), (b"path", ValueError)):
        with pytest.raises(error, match="unrecognized"):
            impl.address_type(wrong)
    for call in (impl.Listener, lambda **options: impl.Client("/path", **options)):
        with pytest.raises(ValueError, match="Family AF_PIPE is not recognized"):
            call(family="AF_PIPE")


def test_nobody_listens(impl, tmp_path):
    with pytest.raises(FileNotFoundError):
        impl.Client(str(tmp_path / "nothing"))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            impl.Client(bound.getsockname())


def test_an_address_in_use(impl, tmp_path):
    address = str(tmp_path / "socket")
    with impl.Listener(address), pytest.raises(OSError) as caught:
        impl.Listener(address)
    assert caught.value.errno == errno.EADDRINUSE


def test_a_closed_listener(impl):
    listener = impl.Listener()
    listener.close()
    listener.close()
    with pytest.raises(OSError, match="listener is closed"):
        listener.accept()


def test_a_forgotten_listener_removes_its_path():
    listener = OURS.Listener()
    path = listener.address
    listener._listener._socket.close()
    del listener
    gc.collect()
    assert not os.path.exists(path)


def test_wrong_types_of_keys(impl):
    with pytest.raises(TypeError, match="authkey should be a byte string"):
        impl.Listener(authkey="text")
    with OURS.Listener() as listener, pytest.raises(TypeError, match="authkey should be a byte string"):
        impl.Client(listener.address, authkey="text")
    for call in (impl.deliver_challenge, impl.answer_challenge):
        with pytest.raises(ValueError, match="Authkey must be bytes"):
            call(None, "text")


# ---- the handshake ----


def test_another_key(pair):
    with pair[0].Listener(("127.0.0.1", 0), authkey=KEY) as listener:
        task = Task(pair[1].Client, listener.address, authkey=b"another")
        task.start()
        with pytest.raises(AuthenticationError, match="digest received was wrong"):
            listener.accept()
        with pytest.raises(AuthenticationError, match="digest sent was rejected"):
            task.result()
        task = Task(pair[1].Client, listener.address, authkey=KEY)
        task.start()
        listener.accept().close()
        task.result().close()


class Scripted:
    """A connection whose other end says what it is told to."""

    def __init__(self, *messages):
        self.messages, self.sent = list(messages), []

    def recv_bytes(self, maxlength=None):
        assert maxlength == 256
        return self.messages.pop(0)

    def send_bytes(self, data):
        self.sent.append(bytes(data))


@pytest.mark.parametrize(
    "said", [b"", b"something", b"{sha256}short", b"{sha1}" + b"x" * 20, b"{md5}" + b"x" * 15]
)
def test_wrong_answers(said):
    connection = Scripted(said)
    with pytest.raises(AuthenticationError):
        OURS.deliver_challenge(connection, KEY)
    assert connection.sent[-1] == b"#FAILURE#" and connection.sent[0].startswith(b"#CHALLENGE#{sha256}")


@pytest.mark.parametrize(
    "said", [b"", b"something", b"#CHALLENGE#", b"#CHALLENGE#short", b"#CHALLENGE#{sha1}" + b"x" * 40]
)
def test_wrong_challenges(said):
    with pytest.raises(AuthenticationError):
        OURS.answer_challenge(Scripted(said), KEY)


def test_a_rejected_answer(impl):
    with pytest.raises(AuthenticationError, match="digest sent was rejected"):
        impl.answer_challenge(Scripted(b"#CHALLENGE#" + b"x" * 20, b"no"), KEY)


@pytest.mark.parametrize("digest", ["md5", "sha256", "sha384", "sha3_256", "sha3_384"])
def test_every_digest(digest):
    here, there = OURS.Pipe()
    with here, there:
        task = Task(OURS.answer_challenge, there, KEY)
        task.start()
        OURS.deliver_challenge(here, KEY, digest)
        task.result()


def test_an_old_interpreter_is_answered_with_md5():
    import hmac

    challenge = b"x" * 20
    connection = Scripted(b"#CHALLENGE#" + challenge, b"#WELCOME#")
    OURS.answer_challenge(connection, KEY)
    assert connection.sent == [hmac.new(KEY, challenge, "md5").digest()]


# ---- clients that say nothing ----


@pytest.mark.parametrize("silent", [1, 5])
def test_a_silent_client_keeps_nobody_out(listener, silent):
    held = []
    for _ in range(silent):
        task = Task(listener.accept)
        task.start()
        held.append(raw_client(listener))
        with OURS.Client(listener.address, authkey=KEY) as there, task.result() as here:
            there.send("through")
            assert here.recv() == "through"
    for client in held:
        assert client.recv(4) == b"\0\0\0\x3b"
        client.close()


def test_a_slow_client_is_accepted(listener):
    task = Task(listener.accept)
    task.start()
    with raw_client(listener) as slow:
        challenge = slow.recv(63, socket.MSG_WAITALL)[4:]
        answer = OURS._create_response(KEY, challenge[11:])
        for byte in struct.pack("!i", len(answer)) + answer:
            slow.send(bytes([byte]))
        assert slow.recv(13, socket.MSG_WAITALL) == b"\0\0\0\x09#WELCOME#"
        connection = OURS.Connection(os.dup(slow.fileno()))
        OURS.deliver_challenge(connection, KEY)
        connection.send("slow")
        connection.close()
        with task.result() as here:
            assert here.recv() == "slow"


def test_an_unfinished_handshake_goes_on_in_the_next_call(listener):
    first = Task(listener.accept)
    first.start()
    with raw_client(listener) as slow:
        slow.recv(63, socket.MSG_PEEK | socket.MSG_WAITALL)
        OURS.Client(listener.address, authkey=KEY).close()
        first.result().close()
        second = Task(listener.accept)
        second.start()
        connection = OURS.Connection(os.dup(slow.fileno()))
        OURS.answer_challenge(connection, KEY)
        OURS.deliver_challenge(connection, KEY)
        connection.close()
        second.result().close()


def test_an_unfinished_handshake_goes_on_in_another_call(listener):
    calls = [Task(listener.accept) for _ in range(2)]
    calls[0].start()
    with raw_client(listener) as slow:
        slow.recv(63, socket.MSG_PEEK | socket.MSG_WAITALL)
        calls[1].start()
        calls[1].settle()
        OURS.Client(listener.address, authkey=KEY).close()
        until(lambda: not all(call.is_alive() for call in calls))
        connection = OURS.Connection(os.dup(slow.fileno()))
        OURS.answer_challenge(connection, KEY)
        OURS.deliver_challenge(connection, KEY)
        connection.close()
        for call in calls:
            call.result().close()


def test_a_client_has_so_much_time(listener, monkeypatch):
    monkeypatch.setattr(_listening, "HANDSHAKE_TIMEOUT", 0.2)
    task = Task(listener.accept)
    task.start()
    with raw_client(listener) as silent:
        assert len(silent.recv(63, socket.MSG_WAITALL)) == 63
        silent.settimeout(20)
        assert silent.recv(1) == b""
    OURS.Client(listener.address, authkey=KEY).close()
    task.result().close()


def test_more_silent_clients_than_are_served_at_a_time(listener, monkeypatch):
    monkeypatch.setattr(_listening, "HANDSHAKE_TIMEOUT", 0.5)
    monkeypatch.setattr(_listening, "MOST_HANDSHAKES", 2)
    task = Task(listener.accept)
    task.start()
    held = [raw_client(listener) for _ in range(2)]
    for client in held:
        client.recv(63, socket.MSG_WAITALL)
    OURS.Client(listener.address, authkey=KEY).close()
    task.result().close()
    for client in held:
        client.close()


@pytest.mark.parametrize("said", [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\1\1", b"\0\0\0\5wrong"])
def test_what_a_client_says_instead(listener, said):
    task = Task(listener.accept)
    task.start()
    with raw_client(listener) as client:
        client.sendall(said)
        with pytest.raises((AuthenticationError, OSError)):
            task.result()


def test_a_client_that_is_killed_in_the_handshake(listener):
    task = Task(listener.accept)
    task.start()

    def connect():
        client = raw_client(listener)
        client.recv(63, socket.MSG_WAITALL)
        os.kill(os.getpid(), signal.SIGKILL)

    assert os.WIFSIGNALED(status_of(child_of_fork(connect)))
    with pytest.raises((EOFError, OSError)):
        task.result()


def test_handshakes_of_the_program_itself(listener, monkeypatch):
    seen = []

    def deliver(connection, authkey):
        seen.append(authkey)
        original(connection, authkey)

    original = OURS.deliver_challenge
    monkeypatch.setattr(OURS, "deliver_challenge", deliver)
    task = Task(STDLIB.Client, listener.address, authkey=KEY)
    task.start()
    listener.accept().close()
    task.result().close()
    assert seen == [KEY]


# ---- waiting ----


def test_close_ends_a_waiting_accept():
    for authkey in (None, KEY):
        listener = OURS.Listener(authkey=authkey)
        tasks = [Task(listener.accept) for _ in range(3)]
        for task in tasks:
            task.start()
        for task in tasks:
            task.settle()
        listener.close()
        for task in tasks:
            with pytest.raises(OSError, match="listener is closed"):
                task.result()


def test_accept_begins_while_close_has_seen_no_call(listener):
    """After close() has looked for calls and before it ends the socket: then the kernel wakes nobody."""
    accepting = Task(listener.accept)

    class Calls(dict):
        def values(self):
            found = list(super().values())
            if accepting.ident is None:
                accepting.start()
                accepting.join(2)  # at once, if it does not wait for what nobody tells
            return found

    listener._listener._acceptors = Calls()
    listener._listener.close()  # its own: Listener.accept() would not begin after that of Listener
    with pytest.raises(OSError, match="closed"):
        accepting.result(1)


def test_close_ends_a_handshake(listener):
    task = Task(listener.accept)
    task.start()
    with raw_client(listener) as client:
        client.recv(63, socket.MSG_WAITALL)
        listener.close()
        with pytest.raises(OSError, match="listener is closed"):
            task.result()
        assert client.recv(1) == b""


def test_a_handler_closes_the_listener():
    listener = OURS.Listener()
    before = signal.signal(signal.SIGALRM, lambda *_: listener.close())
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(OSError, match="listener is closed"):
            listener.accept()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_ctrl_c(impl):
    with impl.Listener() as listener:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                listener.accept()
        finally:
            signal.signal(signal.SIGINT, before)
            timer.join()


def test_a_timeout_of_the_socket(impl):
    with impl.Listener() as listener:
        listener._listener._socket.settimeout(0.05)
        with pytest.raises(socket.timeout):
            listener.accept()


# ---- forks ----


def test_processes_accept_at_the_same_time():
    """Each of a few processes waits; each client gets in, and no call is left hanging."""
    with OURS.Listener(authkey=KEY, backlog=50) as listener:

        def serve():
            for _ in range(3):
                with listener.accept() as connection:
                    connection.send(os.getpid())

        children = [child_of_fork(serve) for _ in range(4)]
        seen = []
        for _ in range(12):
            with OURS.Client(listener.address, authkey=KEY) as connection:
                seen.append(connection.recv())
        assert [status_of(child) for child in children] == [0] * 4
        assert set(seen) == set(children)


def test_a_fork_while_another_thread_accepts(listener):
    task = Task(listener.accept)
    task.start()
    with raw_client(listener) as client:
        client.recv(63, socket.MSG_WAITALL)

        def in_child():
            """Either process may take the client."""
            own = Task(listener.accept)
            own.start()
            OURS.Client(listener.address, authkey=KEY).close()

        child = child_of_fork(in_child)
        assert status_of(child) == 0
    try:
        task.result(0.01).close()
    except (AssertionError, EOFError, OSError):
        pass
    listener.close()
    task.join(20)
    assert not task.is_alive()


def test_close_ends_accept_although_a_child_has_all_descriptors(listener):
    tasks = [Task(listener.accept) for _ in range(2)]
    for task in tasks:
        task.start()
        task.settle()
    reader, writer = os.pipe()
    child = child_of_fork(lambda: (os.close(writer), os.read(reader, 1)))
    listener.close()
    for task in tasks:
        with pytest.raises(OSError, match="listener is closed"):
            task.result()
    os.close(reader)
    os.close(writer)
    assert status_of(child) == 0


def test_a_child_closes_its_copy(listener):
    """The parent's listener stays."""
    assert status_of(child_of_fork(listener.close)) == 0
    task = Task(listener.accept)
    task.start()
    OURS.Client(listener.address, authkey=KEY).close()
    task.result().close()


# ---- limits ----


def test_no_descriptors_left(listener):
    task = Task(OURS.Client, listener.address, authkey=KEY)
    task.start()
    task.settle()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.dup(0)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (held[0] + 8, limits[1]))
    try:
        with pytest.raises(OSError) as caught:
            while True:
                held.append(os.dup(0))
        assert caught.value.errno == errno.EMFILE
        os.close(held.pop())
        os.close(held.pop())  # those accept() wakes up by
        with pytest.raises(OSError) as caught:
            listener.accept()
        assert caught.value.errno == errno.EMFILE
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for number in held:
            os.close(number)
    listener.accept().close()
    task.result().close()


def admitted(listener):
    """The other end of a pipe that is as good as a client of the listener."""
    here, there = OURS.Pipe()
    with there:
        descriptor = listener._admit(there)
    assert descriptor is not None
    return here, descriptor


def test_an_admitted_client_is_accepted_once_it_has_said_something(listener, monkeypatch):
    monkeypatch.setattr(_listening, "HANDSHAKE_TIMEOUT", 0.05)
    here, descriptor = admitted(listener)
    task = Task(listener.accept)
    task.start()
    with raw_client(listener) as silent:  # whose time is up, while the admitted one has any time
        assert len(silent.recv(63, socket.MSG_WAITALL)) == 63
        silent.settimeout(20)
        assert silent.recv(1) == b""
    assert task.is_alive()
    here.send("it is me")
    with task.result() as there:
        assert there.fileno() == descriptor and there.recv() == "it is me"
    here.close()


def test_a_client_is_admitted_while_another_thread_accepts(listener):
    task = Task(listener.accept)
    task.start()
    until(lambda: listener._listener._acceptors and listener._listener._acceptor(KEY)._calls)
    here, _ = admitted(listener)
    here.send(1)
    with task.result() as there:
        assert there.recv() == 1
    here.close()


def test_an_admitted_client_ends_with_the_listener(listener):
    here, _ = admitted(listener)
    listener.close()
    with pytest.raises((EOFError, ConnectionResetError)):
        here.recv()
    here.close()


def test_a_child_of_a_fork_does_not_have_what_is_admitted(listener):
    here, descriptor = admitted(listener)
    task = Task(listener.accept)
    task.start()
    until(lambda: listener._listener._acceptor(KEY)._calls)

    def check():
        listener.close()
        with pytest.raises(OSError):
            os.fstat(descriptor)

    in_child(check)
    here.send(1)
    task.result().close()
    here.close()


@pytest.mark.parametrize("given", [False, True])
def test_a_path_longer_than_the_kernels_limit(given, tmp_path, monkeypatch):
    deep = tmp_path.joinpath(*["d" * 30] * 4)
    deep.mkdir(parents=True)
    if not given:
        from multiprocessing import process, util

        monkeypatch.setattr(tempfile, "tempdir", str(deep))
        monkeypatch.setitem(process.current_process()._config, "tempdir", str(deep))
        assert util.get_temp_dir() == str(deep)
    with OURS.Listener(str(deep / "socket") if given else None, authkey=KEY) as listener:
        assert (len(listener.address) > 120) is given and os.path.exists(listener.address)
        task = Task((OURS if given else STDLIB).Client, listener.address, authkey=KEY)
        task.start()
        listener.accept().close()
        task.result().close()
        assert listener.address == (str(deep / "socket") if given else listener.address)
    assert not os.path.exists(str(deep / "socket"))


# ---- XML ----


def test_xml():
    with OURS.XmlListener(("127.0.0.1", 0)) as listener:
        task = Task(OURS.XmlClient, listener.address)
        task.start()
        here, there = listener.accept(), task.result()
        there.send(["text", 5, None])
        assert here.recv() == ["text", 5, None]
        here.close()
        there.close()


if sys.platform != "linux":
    del ADDRESSES["abstract"]
