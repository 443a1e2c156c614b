"""multiprocessing over threads: one body over the standard library and ours."""

from __future__ import annotations

import multiprocessing.dummy
import multiprocessing.dummy.connection
import threading
from types import ModuleType
from typing import Any

import pytest

import hasten.multiprocessing.dummy
import hasten.multiprocessing.dummy.connection

STDLIB = multiprocessing.dummy


@pytest.fixture(params=[STDLIB, hasten.multiprocessing.dummy], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def test_process(impl: ModuleType) -> None:
    gate, told = threading.Event(), []
    process = impl.Process(target=lambda *args, **kwds: told.append((gate.wait(), args, kwds)), args=(1,),
                           kwargs={"a": 2})  # fmt: skip
    assert isinstance(process, threading.Thread) and isinstance(process, STDLIB.DummyProcess)
    assert process.exitcode is None and not process.is_alive()
    process.start()
    assert process.exitcode is None and process.is_alive() and impl.active_children() == [process]
    gate.set()
    process.join()
    assert (process.exitcode, told, impl.active_children()) == (0, [(True, (1,), {"a": 2})], [])


def test_only_its_maker_starts_it(impl: ModuleType) -> None:
    process, told = impl.Process(target=print), []

    def start() -> None:
        try:
            process.start()
        except RuntimeError as error:
            told.append(str(error))

    thread = impl.Process(target=start)
    thread.start()
    thread.join()
    assert "but current_process is" in told[0] and impl.current_process() is threading.current_thread()


def test_a_process_has_children(impl: ModuleType) -> None:
    told: list[Any] = []

    def parent() -> None:
        gate = impl.Event()
        child = impl.Process(target=gate.wait)
        child.start()
        told.append(impl.active_children() == [child])
        gate.set()
        child.join()
        told.append(impl.active_children())

    process = impl.Process(target=parent)
    process.start()
    process.join()
    assert told == [True, []]


def test_things(impl: ModuleType) -> None:
    manager = impl.Manager()
    assert manager is impl and manager.shutdown() is None and impl.freeze_support() is None
    assert manager.dict(a=1) == {"a": 1} and manager.list([1]) == [1]
    space, value = manager.Namespace(x=1, _y=2), manager.Value("i", 3)
    space.z = 4
    value.value += 1
    assert (repr(space), repr(value), value.value) == ("Namespace(x=1, z=4)", "<Value('i', 4)>", 4)
    assert list(manager.Array("i", [1, 2])) == [1, 2]
    queue = impl.JoinableQueue()
    queue.put(1)
    assert queue.get() == 1 and impl.Queue is impl.JoinableQueue
    for name in impl.__all__:
        assert getattr(impl, name) is not None


def test_pool(impl: ModuleType) -> None:
    with impl.Pool(2) as pool:
        assert pool.map(abs, [-1, 2]) == [1, 2] and isinstance(pool, multiprocessing.pool.ThreadPool)
    pool.join()


def test_pipe(impl: ModuleType) -> None:
    here, there = impl.Pipe()
    obj = object()
    assert not there.poll() and not there.poll(0.001)
    here.send(obj)
    assert there.poll() and there.poll(5) and there.recv() is obj
    there.send_bytes(b"x")
    assert here.recv_bytes() == b"x"
    threading.Timer(0.01, here.send, ["late"]).start()
    assert there.poll(30) and there.recv() == "late"
    with here, there:
        assert isinstance(here, multiprocessing.dummy.connection.Connection)


def test_listener(impl: ModuleType) -> None:
    connection = impl.connection
    with connection.Listener() as listener:
        client = connection.Client(listener.address)
        server = listener.accept()
        client.send(1)
        assert server.recv() == 1
        server.send(2)
        assert client.recv() == 2
    assert listener.address is None and connection.families == [None]


def test_what_ours_adds() -> None:
    from hasten.multiprocessing import dummy

    here, there = dummy.Pipe()
    threading.Timer(0.01, here.send, ["late"]).start()
    assert there.poll(None) and there.recv() == "late"
    told: list[Any] = []
    thread = threading.Thread(target=lambda: told.append(dummy.active_children()))
    thread.start()
    thread.join()
    assert told == [[]]
