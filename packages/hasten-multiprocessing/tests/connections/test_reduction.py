"""Descriptors, sockets and connections that travel between processes."""

from __future__ import annotations

import errno
import io
import multiprocessing.reduction
import multiprocessing.resource_sharer
import os
import pickle
import resource
import signal
import socket
import sys
import tempfile
from multiprocessing import process

import pytest
from support.forked import child_of_fork, status_of
from support.tasks import Task, until

import hasten.multiprocessing.reduction
from hasten.multiprocessing import connection, resource_sharer

STDLIB, OURS = multiprocessing.reduction, hasten.multiprocessing.reduction
PAIRS = {"stdlib": (STDLIB, STDLIB), "hasten": (OURS, OURS), "to": (OURS, STDLIB), "from": (STDLIB, OURS)}


@pytest.fixture(params=list(PAIRS))
def pair(request):
    return PAIRS[request.param]


@pytest.fixture(autouse=True)
def sharers_stop():
    yield
    resource_sharer.stop(30)


@pytest.fixture
def pipe():
    """The read and write ends of a pipe, as files."""
    reader, writer = os.pipe()
    with open(reader, "rb", 0) as read, open(writer, "wb", 0) as write:
        yield read, write


def moved(obj):
    """The object as another process would have it."""
    return pickle.loads(OURS.ForkingPickler.dumps(obj))


# ---- over a socket ----


def test_descriptors_over_a_socket(pair, pipe):
    one, other = socket.socketpair()
    with one, other:
        task = Task(pair[0].sendfds, one, [pipe[0].fileno(), pipe[1].fileno()])
        task.start()
        reader, writer = pair[1].recvfds(other, 2)
        task.result()
    os.write(writer, b"through")
    assert pipe[0].read(7) == b"through"
    os.close(reader)
    os.close(writer)


def test_a_handle_over_a_connection(pair, pipe):
    here, there = connection.Pipe()
    with here, there:
        task = Task(pair[0].send_handle, here, pipe[1].fileno(), None)
        task.start()
        writer = pair[1].recv_handle(there)
        task.result()
    os.write(writer, b"through")
    os.close(writer)
    assert pipe[0].read(7) == b"through"


def test_what_is_received_is_not_inherited(pipe):
    one, other = socket.socketpair()
    with one, other:
        task = Task(OURS.sendfds, one, [pipe[0].fileno()])
        task.start()
        (number,) = OURS.recvfds(other, 1)
        task.result()
    assert not os.get_inheritable(number)
    os.close(number)


def test_nobody_sends(pair):
    one, other = socket.socketpair()
    one.close()
    with other, pytest.raises(EOFError):
        pair[1].recvfds(other, 1)


def test_bytes_in_place_of_descriptors(pair):
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"\1")
        with pytest.raises(RuntimeError, match="received 0 items of ancdata"):
            pair[1].recvfds(other, 1)


def test_more_than_there_is_room_for(pipe):
    """None of those that came stays open."""
    one, other = socket.socketpair()
    with one, other:
        task = Task(OURS.sendfds, one, [pipe[0].fileno()] * 5)
        task.start()
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(RuntimeError):
            OURS.recvfds(other, 1)
        assert len(os.listdir("/proc/self/fd")) == before
        task.result()


def test_no_descriptors_left(pipe):
    one, other = socket.socketpair()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with one, other:
        task = Task(OURS.sendfds, one, [pipe[0].fileno()])
        task.start()
        until(lambda: other.recv(1, socket.MSG_PEEK))
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
        try:
            with pytest.raises((RuntimeError, OSError)) as caught:
                OURS.recvfds(other, 1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        if isinstance(caught.value, RuntimeError):
            assert "too many open files" in str(caught.value)
        else:
            assert caught.value.errno == errno.EMFILE
        task.result()  # it is not left waiting either


# ---- pickles ----


def test_one_registry():
    assert OURS.ForkingPickler is STDLIB.ForkingPickler and OURS.register == STDLIB.register
    buffer = io.BytesIO()
    OURS.dump({"a": 1}, buffer, 2)
    assert buffer.getvalue() == pickle.dumps({"a": 1}, 2)
    assert issubclass(OURS.AbstractReducer, STDLIB.AbstractReducer)
    assert set(STDLIB.__all__) == set(OURS.__all__) and OURS.AbstractReducer().DupFd is not None


def test_a_socket():
    one, other = socket.socketpair()
    with one, other, moved(one) as arrived:
        arrived.sendall(b"through")
        assert other.recv(10) == b"through" and arrived.family == one.family and arrived.type == one.type


@pytest.mark.parametrize("duplex", [True, False])
def test_a_connection(duplex):
    here, there = connection.Pipe(duplex)
    with here, there, moved(there) as arrived:
        assert (arrived.readable, arrived.writable) == (there.readable, there.writable)
        arrived.send("through")
        assert here.recv() == "through"


def test_any_interpreter_can_read_a_connection():
    here, there = connection.Pipe()
    with here, there:
        data = OURS.ForkingPickler.dumps(there).tobytes()
        assert b"hasten" not in data
        pickle.loads(data).close()


def test_a_child_of_ours_gets_ours(monkeypatch):
    class Popen:
        fds: list = []

        def duplicate_for_child(self, fd):
            self.fds.append(fd)
            return fd

        @staticmethod
        def DupFd(fd):
            return fd

    Popen.__module__ = "hasten.multiprocessing.popen_spawn_posix"
    here, there = connection.Pipe()
    with here, there:
        monkeypatch.setattr(multiprocessing.context, "get_spawning_popen", Popen)
        rebuild, arguments = connection.reduce_connection(there)
        assert rebuild is connection.rebuild_connection and arguments == (there.fileno(), True, True)
        monkeypatch.setattr(Popen, "__module__", "loky.backend")
        assert connection.reduce_connection(there)[0] is multiprocessing.connection.rebuild_connection


def test_a_closed_connection_is_not_pickled():
    here, there = connection.Pipe()
    here.close()
    there.close()
    with pytest.raises(OSError, match="handle is closed"):
        OURS.ForkingPickler.dumps(here)


# ---- the resource sharer ----


def test_many_descriptors_leave_none_behind():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(30):
        one, other = socket.socketpair()
        with one, other, moved(one) as arrived:
            arrived.send(b"x")
            assert other.recv(1) == b"x"
    resource_sharer.stop(30)
    assert len(os.listdir("/proc/self/fd")) == before


def test_stop_closes_what_nobody_asked_for(pipe):
    duplicate = resource_sharer.DupFd(pipe[1].fileno())
    pipe[1].close()
    resource_sharer.stop(30)
    resource_sharer.stop()
    assert pipe[0].read(1) == b""
    with pytest.raises(OSError):
        duplicate.detach()


def test_a_descriptor_is_given_once(pipe):
    duplicate = resource_sharer.DupFd(pipe[1].fileno())
    os.close(duplicate.detach())
    original = sys.excepthook
    sys.excepthook = lambda *_: None
    try:
        with pytest.raises((EOFError, OSError)):
            duplicate.detach()
    finally:
        sys.excepthook = original


def test_clients_that_say_nothing_keep_nobody_out(pipe):
    duplicate = resource_sharer.DupFd(pipe[1].fileno())
    address, _ = duplicate._id
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(address)
        os.close(duplicate.detach())


def test_another_key_is_not_served(pipe):
    duplicate = resource_sharer.DupFd(pipe[1].fileno())
    with pytest.raises(multiprocessing.AuthenticationError):
        connection.Client(duplicate._id[0], authkey=b"another")
    os.close(duplicate.detach())


def test_a_forked_child_takes_and_gives(pipe):
    duplicate = resource_sharer.DupFd(pipe[1].fileno())
    here, there = connection.Pipe()

    def child():
        os.write(duplicate.detach(), b"taken")
        own = resource_sharer.DupFd(pipe[0].fileno())
        assert own._id[0] != duplicate._id[0]
        there.send(own)
        there.recv()

    with here, there:
        pid = child_of_fork(child)
        assert pipe[0].read(5) == b"taken"
        os.close(here.recv().detach())
        here.send("done")
        assert status_of(pid) == 0


def test_a_killed_owner_is_not_waited_for(pipe):
    here, there = connection.Pipe()

    def child():
        there.send(resource_sharer.DupFd(pipe[0].fileno()))
        os.kill(os.getpid(), signal.SIGKILL)

    with here, there:
        assert os.WIFSIGNALED(status_of(child_of_fork(child)))
        duplicate = here.recv()
        with pytest.raises((OSError, EOFError)):
            duplicate.detach()
    os.unlink(duplicate._id[0])


def test_a_deep_directory_for_temporary_files(pipe, tmp_path, monkeypatch):
    deep = tmp_path.joinpath(*["d" * 30] * 4)
    deep.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    monkeypatch.setitem(process.current_process()._config, "tempdir", str(deep))
    os.close(multiprocessing.resource_sharer.DupFd.detach(resource_sharer.DupFd(pipe[0].fileno())))
