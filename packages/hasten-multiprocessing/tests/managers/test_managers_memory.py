"""Managers whose calls go through memory, as they do on one host after a few: what must hold, and faults."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support import manager_targets as targets
from support.forked import in_child
from support.signalling import alarm
from support.tasks import Task, until

import hasten.multiprocessing as impl
from hasten.multiprocessing import connection, managers
from hasten.multiprocessing._managers import _channel
from hasten.multiprocessing._transport import _exchange, _line

FORK = impl.get_context("fork")
KEY = b"a key"
SIZES = [0, 100, 8000, 8190, 8192, 8200, 16384, 70_000, 1 << 20]


class Manager(managers.SyncManager):
    pass


Manager.register("inside", targets.Inside)


@pytest.fixture
def manager() -> Iterator[Any]:
    made = Manager(ctx=FORK)
    made.start()
    process = made._process
    with made:
        yield made
    process.close()


def sharing(proxy: Any) -> Any:
    """The proxy, after this thread's channel to its server has come to go through memory."""
    for _ in range(2 * _channel.SHARE_AFTER):
        proxy._callmethod("#GETVALUE") if not isinstance(proxy, managers.DictProxy) else len(proxy)
    assert shares(proxy)
    return proxy


def shares(proxy: Any) -> bool:
    return type(proxy._peer.channel().connection) is _exchange.Exchange


def begun(function: Any, *args: Any) -> Task:
    task = Task(function, *args)
    task.start()
    return task


def test_memory_after_some_calls(manager: Any) -> None:
    inside = manager.inside()
    assert not shares(inside) and inside.exchanges() == 0
    until(lambda: inside.connections() == 1)  # the server has closed the one by which the object was made
    ours, theirs = len(os.listdir("/proc/self/fd")), inside.descriptors()
    proxy = sharing(manager.dict(a=1))
    assert inside.exchanges() == 1
    until(lambda: inside.connections() == 1)
    assert (len(os.listdir("/proc/self/fd")), inside.descriptors()) == (ours, theirs)
    proxy["b"] = 2
    assert proxy.copy() == {"a": 1, "b": 2} and str(proxy) == "{'a': 1, 'b': 2}"


@pytest.mark.parametrize("size", SIZES)
def test_sizes(manager: Any, size: int) -> None:
    inside = sharing(manager.inside())
    for _ in range(4):
        data = os.urandom(size)
        assert inside.echo(data) == data


def test_100_mb(manager: Any) -> None:
    inside = sharing(manager.inside())
    data = bytes(100 << 20)
    inside.echo(data)
    assert inside.echo(1) == 1


def test_proxies_errors_and_references(manager: Any) -> None:
    inside = sharing(manager.inside())
    with pytest.raises(ZeroDivisionError, match="so") as told:
        inside.fail("so")
    assert "in fail" in str(told.value.__cause__)
    with pytest.raises(managers.RemoteError, match="Unserializable"):
        inside.unpicklable()
    with pytest.raises(Exception, match="pickle|local object"):
        inside.echo(lambda: 0)
    outer = manager.dict()
    outer["inner"] = manager.list([1])
    assert outer["inner"][:] == [1] and manager._number_of_objects() == 3
    for _ in range(300):
        manager.list()
    del outer
    assert manager._number_of_objects() == 1
    assert shares(inside)


def test_messages_without_an_answer_fill_the_mailbox(manager: Any) -> None:
    inside = sharing(manager.inside())
    channel = inside._peer.channel()
    for _ in range(300):
        channel.tell((None, "#DROP", tuple(f"none{number}" for number in range(50)), {}))
    assert inside.echo(5) == 5 and shares(inside)


def test_a_connection_of_the_threads_place_can_be_used(manager: Any) -> None:
    """Subclasses of BaseProxy that have a _callmethod() of their own do that."""
    proxy = sharing(manager.dict(a=1))
    line = proxy._tls.connection
    for request in ((proxy._id, "copy", (), {}), (proxy._id, "copy", (), {})):
        line.send(request)
        assert line.recv() == ("#RETURN", {"a": 1})
    assert not line.closed and not line.poll() and line.fileno() >= 0
    assert managers.dispatch(line, None, "dummy") is None


def test_not_over_tcp() -> None:
    with Manager(("127.0.0.1", 0), ctx=FORK) as manager:
        inside = manager.inside()
        for number in range(3 * _channel.SHARE_AFTER):
            assert inside.echo(number) == number
        assert not shares(inside) and inside.exchanges() == 0


def test_not_as_xml() -> None:
    made = Manager(serializer="xmlrpclib", ctx=FORK)
    with made as manager:
        inside = manager.inside()
        for number in range(3 * _channel.SHARE_AFTER):
            assert inside.echo(number) == number
        assert type(inside._peer.channel().connection) is connection.ConnectionWrapper


PLAIN_CLIENT = """
import sys
from multiprocessing import managers
managers.SyncManager.register("kept")
manager = managers.SyncManager(sys.argv[1], b"a key")
manager.connect()
kept = manager.kept()
for number in range(200):
    kept.append(number)
print(len(kept))
"""

PLAIN_SERVER = """
import sys
from multiprocessing import managers
kept = []
managers.SyncManager.register("kept", lambda: kept, managers.ListProxy)
server = managers.SyncManager(sys.argv[1], b"a key").get_server()
print("ready", flush=True)
server.serve_forever()
"""


def test_a_plain_client(tmp_path: Any) -> None:
    class Kept(managers.SyncManager):
        pass

    kept: list[int] = []
    Kept.register("kept", lambda: kept, managers.ListProxy)
    with Kept(str(tmp_path / "socket"), KEY, ctx=FORK) as manager:
        command = [sys.executable, "-I", "-c", PLAIN_CLIENT, manager.address]
        assert subprocess.run(command, capture_output=True, check=True).stdout == b"200\n"
        assert len(manager.kept()) == 200


def test_a_plain_server(tmp_path: Any) -> None:
    class Kept(managers.SyncManager):
        pass

    Kept.register("kept", None, managers.ListProxy)
    command = [sys.executable, "-I", "-c", PLAIN_SERVER, str(tmp_path / "socket")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            manager = Kept(command[-1], KEY)
            manager.connect()
            kept = manager.kept()
            for number in range(200):
                kept.append(number)
            assert len(kept) == 200 and not shares(kept)
            del kept
        finally:
            process.kill()


# ---- what there is none of ----


def test_no_memory(manager: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*args: Any) -> None:
        raise OSError(28, "none left")

    monkeypatch.setattr(_exchange, "Exchange", none)
    inside = manager.inside()
    for number in range(3 * _channel.SHARE_AFTER):
        assert inside.echo(number) == number
    assert type(inside._peer.channel().connection) is _line.Line


def test_memory_of_another_kind_is_refused_by_the_server(
    manager: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OfAnotherKind:
        def __init__(self, connection: Any) -> None:
            self.connection = connection

        def offer(self) -> None:
            with open(os.devnull) as null, socket.socket(fileno=os.dup(self.connection.fileno())) as raw:
                socket.send_fds(raw, [b"*"], [null.fileno()])

    inside = manager.inside()
    monkeypatch.setattr(_exchange, "Exchange", OfAnotherKind)  # at this end
    for number in range(3 * _channel.SHARE_AFTER):
        assert inside.echo(number) == number
    assert type(inside._peer.channel().connection) is _line.Line


def test_a_server_without_descriptors(manager: Any) -> None:
    inside = manager.inside()
    inside.take_all_descriptors()
    for number in range(3 * _channel.SHARE_AFTER):
        assert inside.echo(number) == number
    assert not shares(inside)
    inside.give_descriptors_back()


# ---- processes and threads ----


def test_a_fork_in_between(manager: Any) -> None:
    proxy = sharing(manager.list())

    def child() -> None:
        for _ in range(3 * _channel.SHARE_AFTER):
            proxy.append(1)
        assert shares(proxy)

    for _ in range(3):
        in_child(child)
        proxy.append(0)
    assert sorted(proxy) == [0] * 3 + [1] * 9 * _channel.SHARE_AFTER


def test_a_fork_while_another_thread_calls(manager: Any) -> None:
    inside = sharing(manager.inside())
    stop = threading.Event()

    def call() -> int:
        number = 0
        while not stop.is_set():
            assert inside.echo(number) == number
            number += 1
        return number

    def child() -> None:
        for number in range(100):
            assert inside.echo((number,)) == (number,)

    calling = begun(call)
    for _ in range(5):
        in_child(child)
        assert inside.echo("here") == "here"
    stop.set()
    assert calling.result() > 0


def test_threads(manager: Any) -> None:
    inside, lists = manager.inside(), manager.list()

    def call(name: int) -> None:
        for number in range(200):
            assert inside.echo((name, number)) == (name, number)
            if number % 50 == 0:
                lists.append(name)
            if number % 60 == 0:
                data = bytes(9000 * name)
                assert inside.echo(data) == data
        assert shares(inside)

    tasks = [begun(call, name) for name in range(12)]
    for task in tasks:
        task.result(120)
    assert sorted(lists) == sorted([*range(12)] * 4)
    until(lambda: inside.connections() == 1)
    assert inside.exchanges() == 1


def test_a_handler_of_signals_makes_calls(manager: Any) -> None:
    inside, queue = sharing(manager.inside()), manager.Queue()
    seen: list[Any] = []

    def handler(*args: Any) -> None:
        seen.append(inside.echo(7))
        queue.put("done")

    with alarm(0.05, handler):
        assert queue.get() == "done" and seen == [7]
    assert shares(inside)


def test_interrupted_at_random(manager: Any) -> None:
    """An answer is never taken for that of another call.

    A connection is open before the signal comes: opening one has a line, between socket and connection, where
    a handler that raises costs a descriptor.
    """

    class Interrupted(Exception):
        pass

    def interrupt(*args: Any) -> None:
        raise Interrupted

    inside, choice = sharing(manager.inside()), random.Random(3)
    before = signal.signal(signal.SIGALRM, interrupt)
    cut = 0
    try:
        for number in range(100):
            sharing(inside)
            try:
                signal.setitimer(signal.ITIMER_REAL, choice.uniform(0.00001, 0.003))
                for each in range(10_000):
                    assert inside.echo((number, each)) == (number, each)
            except Interrupted:
                cut += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert cut == 100
    assert inside.echo("over") == "over"


# ---- kills ----


def test_a_server_killed_in_a_call() -> None:
    manager = Manager(ctx=FORK)
    manager.start()
    inside, process = sharing(manager.inside()), manager._process
    start = time.monotonic()
    with pytest.raises((EOFError, ConnectionError)):
        inside.end()
    with pytest.raises((EOFError, ConnectionError)):
        inside.echo(1)
    assert time.monotonic() - start < 10
    manager.shutdown()
    assert process.exitcode == -signal.SIGKILL
    process.close()


def test_a_server_killed_while_threads_wait() -> None:
    manager = Manager(ctx=FORK)
    manager.start()
    inside, process = manager.inside(), manager._process

    ready = []

    def wait() -> None:
        proxy = sharing(inside)
        ready.append(proxy)
        proxy.wait()

    tasks = [begun(wait) for _ in range(4)]
    until(lambda: len(ready) == 4)
    for task in tasks:
        task.settle()
    process.kill()
    for task in tasks:
        with pytest.raises((EOFError, ConnectionError)):
            task.result()
    with pytest.raises((EOFError, ConnectionError)):
        inside.echo(1)
    manager.shutdown()
    process.join()
    process.close()


@pytest.mark.parametrize("size", [10, 5000, 300_000])
def test_a_server_killed_at_random(size: int) -> None:
    choice = random.Random(size)
    for _ in range(10):
        manager = Manager(ctx=FORK)
        manager.start()
        inside, process = sharing(manager.inside()), manager._process
        killing = threading.Timer(choice.uniform(0, 0.01), process.kill)
        killing.start()
        data = os.urandom(size)
        with pytest.raises((EOFError, OSError)):
            while True:
                assert inside.echo(data) == data
        killing.join()
        manager.shutdown()
        process.join()
        process.close()


@pytest.mark.parametrize("size", [10, 5000, 300_000])
def test_clients_killed_at_random(manager: Any, size: int) -> None:
    inside, choice = sharing(manager.inside()), random.Random(size)

    def call(there: Any) -> None:
        data = os.urandom(size)
        sharing(inside)
        os.write(there, b"x")
        while True:
            assert inside.echo(data) == data

    for _ in range(10):
        here, there = os.pipe()
        process = FORK.Process(target=call, args=(there,))
        process.start()
        os.close(there)
        assert os.read(here, 1) == b"x"
        os.close(here)
        time.sleep(choice.uniform(0, 0.005))
        process.kill()
        process.join()
        process.close()
        assert inside.echo(1) == 1
    until(lambda: inside.connections() == 1)
    assert inside.exchanges() == 1


def test_a_client_killed_in_a_call(manager: Any) -> None:
    inside, queue = sharing(manager.inside()), manager.Queue()

    def wait() -> None:
        sharing(inside)
        queue.get()

    process = FORK.Process(target=wait)
    process.start()
    until(lambda: inside.exchanges() == 2)
    process.kill()
    process.join()
    process.close()
    queue.put("for the one that is gone")
    queue.put("for this one")
    until(lambda: inside.connections() == 1)


class LengthOf:
    """Pickled as the length of a list of the manager's, for which it is asked meanwhile."""

    def __init__(self, proxy: Any) -> None:
        self.proxy = proxy

    def __reduce__(self) -> Any:
        return int, (len(self.proxy),)


@pytest.mark.parametrize("before", [0, 1])
def test_the_change_comes_while_a_call_is_pickled(manager: Any, before: int) -> None:
    numbers = manager.list()
    for _ in range(before):
        len(numbers)
    for _ in range(_channel.SHARE_AFTER):
        numbers.append(LengthOf(numbers))
    assert numbers[:] == list(range(_channel.SHARE_AFTER))
    assert shares(numbers)


def test_a_connection_that_was_kept_from_before_can_still_be_used(manager: Any) -> None:
    """Subclasses of proxies that make their calls themselves may keep it."""
    proxy = manager.dict(a=1)
    proxy._connect()
    kept = proxy._tls.connection
    sharing(proxy)
    assert proxy._tls.connection is not kept
    for one in (kept, proxy._tls.connection):
        one.send((proxy._id, "get", ("a",), {}))
        assert one.poll(10) and one.recv() == ("#RETURN", 1)
    assert proxy["a"] == 1
    kept.close()
    with pytest.raises(OSError):
        kept.send((proxy._id, "get", ("a",), {}))
