"""Our managers and plain interpreters of several versions, as server and as client."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support import manager_peer as peer

import hasten.multiprocessing
from hasten.multiprocessing import managers

PEER = peer.__file__
VERSIONS = ["own", "3.9", "3.15"]  # the protocol has changed once in between, with 3.12's handshake


def works(interpreter: str) -> bool:
    command = [interpreter, "-I", "-c", "import multiprocessing.managers"]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.fixture(params=VERSIONS, scope="module")
def python(request: pytest.FixtureRequest) -> str:
    """A plain interpreter; with -I it has nothing of this project unless that is installed for it."""
    if request.param == "own":
        return sys.executable
    found = shutil.which(f"python{request.param}")
    if found is None or not works(found):
        pytest.skip(f"there is no Python {request.param}")
    return found


class Manager(managers.SyncManager):
    pass


Manager.register("kept", lambda: peer.kept)
Manager.register("Parent", peer.Parent, method_to_typeid={"child": "Parent"})

EXPECTED = [
    [("a", 1), ("b", [2])],
    ["a", "b"],
    ([1, 2, 3, 4], "[1, 2, 3, 4]"),
    ("x", True),
    ("_queue", "Empty"),
    "'no such key'",
    "RemoteError",
    (True, 4, "Value('i', 4)", 5, 7),
    [1, 2, 3, 4, 5],
    "parent",
    {"a": 1},
    "over",
]


@pytest.fixture
def plain_server(python: str) -> Iterator[int]:
    command = [python, "-I", PEER, "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(30) == 0
        finally:
            process.kill()


def test_our_client_and_a_plain_server(plain_server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(hasten.multiprocessing.current_process()._config, "authkey", peer.KEY)
    client = Manager(("127.0.0.1", plain_server), peer.KEY)
    client.connect()
    assert peer.use(client) == EXPECTED
    assert not client._peer().channel().ours
    left = client._number_of_objects()
    assert left <= 1  # the list that was nested: a plain server keeps it
    client._peer().leave()


def test_our_server_and_a_plain_client(python: str) -> None:
    context = hasten.multiprocessing.get_context("fork")
    with Manager(("127.0.0.1", 0), peer.KEY, ctx=context) as server:
        process = server._process
        port = str(server.address[1])
        told = subprocess.run(
            [python, "-I", PEER, "use", port], capture_output=True, text=True, timeout=60
        )
        assert (told.stderr, told.returncode) == ("", 0)
        assert ast.literal_eval(told.stdout) == EXPECTED
        assert server._number_of_objects() <= 1
    process.close()


def test_a_stranger_is_told(python: str) -> None:
    context = hasten.multiprocessing.get_context("fork")
    with Manager(("127.0.0.1", 0), b"another key", ctx=context) as server:
        process = server._process
        told = subprocess.run(
            [python, "-I", PEER, "use", str(server.address[1])], capture_output=True, text=True, timeout=60
        )
        assert "AuthenticationError" in told.stderr and told.returncode == 1
        assert server.dict(a=1).copy() == {"a": 1}
    process.close()

