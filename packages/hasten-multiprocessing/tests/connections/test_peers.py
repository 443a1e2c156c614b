"""Connections to programs that run the plain standard library, of this and of other versions."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

import pytest
from support.tasks import Task

from hasten.multiprocessing.connection import Client, Connection, Listener

KEY = b"the key"
VERSIONS = ["3.8", "3.9", "3.11", "3.12", "3.15"]

PROGRAM = """
import sys
from multiprocessing.connection import Client, Connection, Listener
what, where = sys.argv[1:]
if what == "descriptor":
    peer = Connection(int(where))
elif what == "client":
    peer = Client(("127.0.0.1", int(where)), authkey=b"the key")
else:
    listener = Listener(("127.0.0.1", 0), authkey=b"the key")
    print(listener.address[1], flush=True)
    peer = listener.accept()
for message in iter(peer.recv, "end"):
    peer.send(message)
peer.send_bytes(peer.recv_bytes()[::-1])
peer.close()
"""


def interpreter(version):
    return sys.executable if version == "own" else shutil.which(f"python{version}")


@pytest.fixture(params=["own", *VERSIONS])
def start(request):
    python = interpreter(request.param)
    if python is None or subprocess.run([python, "-c", ""], stderr=subprocess.DEVNULL).returncode:
        pytest.skip(f"there is no python{request.param}")
    started = []

    def start(*args, **options):
        started.append(subprocess.Popen([python, "-I", "-c", PROGRAM, *args], **options))
        return started[-1]

    yield start
    for program in started:
        program.kill()
        program.wait()
        if program.stdout is not None:
            program.stdout.close()


def talk(peer):
    messages = [None, 5, ("a", 2.5), {"big": "y" * 200000}, b"x" * 70000, [b"z" * 70000] * 3]
    for message in messages:
        task = Task(peer.send, message)
        task.start()
        assert peer.recv() == message
        task.result()
    peer.send("end")
    task = Task(peer.send_bytes, bytes(range(256)) * 2000)
    task.start()
    assert peer.recv_bytes() == (bytes(range(256)) * 2000)[::-1]
    task.result()
    with pytest.raises(EOFError):
        peer.recv()
    peer.close()


def test_over_a_descriptor(start):
    one, other = socket.socketpair()
    with other:
        program = start("descriptor", str(other.fileno()), pass_fds=[other.fileno()])
    talk(Connection(one.detach()))
    assert program.wait(30) == 0


def test_their_client(start):
    with Listener(("127.0.0.1", 0), authkey=KEY) as listener:
        program = start("client", str(listener.address[1]))
        talk(listener.accept())
        assert program.wait(30) == 0


def test_their_listener(start):
    program = start("listener", "", stdout=subprocess.PIPE)
    port = int(program.stdout.readline())
    talk(Client(("127.0.0.1", port), authkey=KEY))
    assert program.wait(30) == 0


LARGE = pytest.mark.skipif("HASTEN_LARGE" not in os.environ, reason="takes 10 GiB: set HASTEN_LARGE=1")


@LARGE
@pytest.mark.parametrize("size", [2**31 + 10, 2**32 + 10])
def test_more_than_31_bits(start, size):
    one, other = socket.socketpair()
    with other:
        start("descriptor", str(other.fileno()), pass_fds=[other.fileno()])
    with Connection(one.detach()) as peer:
        peer.send("end")
        task = Task(peer.send_bytes, bytes(size))
        task.start()
        assert len(peer.recv_bytes()) == size
        task.result(60)
