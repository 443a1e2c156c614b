"""Managers and proxies: one body over the standard library and ours, and each start method."""

from __future__ import annotations

import copy
import multiprocessing.managers
import os
import pickle
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from support import manager_targets as targets

METHODS = ["fork", "spawn", "forkserver"]
STDLIB = multiprocessing.managers


@pytest.fixture
def managers(impl: ModuleType) -> ModuleType:
    return impl.managers


@pytest.fixture
def fork(impl: ModuleType) -> Any:
    return impl.get_context("fork")


@pytest.fixture(params=METHODS)
def context(request: pytest.FixtureRequest, impl: ModuleType) -> Any:
    return impl.get_context(request.param)


@pytest.fixture
def manager(fork: Any) -> Iterator[Any]:
    made = fork.Manager()
    process = made._process
    with made:
        yield made
    process.close()


def test_dict(manager: Any, managers: ModuleType) -> None:
    proxy = manager.dict({"a": 1}, b=2)
    assert isinstance(proxy, STDLIB.DictProxy) and isinstance(proxy, managers.DictProxy)
    proxy["c"] = [3]
    del proxy["a"]
    assert proxy.copy() == {"b": 2, "c": [3]} and (len(proxy), sorted(proxy)) == (2, ["b", "c"])
    assert "b" in proxy and "a" not in proxy
    assert (proxy.get("x", 7), proxy.pop("b"), proxy.setdefault("d", 4)) == (7, 2, 4)
    assert (sorted(proxy.keys()), sorted(map(str, proxy.values())), str(proxy)) == (
        ["c", "d"], ["4", "[3]"], "{'c': [3], 'd': 4}"
    )  # fmt: skip
    with pytest.raises(KeyError, match="no such"):
        proxy["no such"]
    proxy["c"].append(0)
    assert proxy["c"] == [3]  # a copy


def test_list(manager: Any) -> None:
    proxy = same = manager.list([1, 2])
    proxy += [3]
    proxy *= 2
    assert proxy is same and isinstance(proxy, STDLIB.ListProxy)
    assert (proxy[:], proxy[-1], len(proxy), proxy + [4], 2 in proxy) == (
        [1, 2, 3] * 2, 3, 6, [1, 2, 3, 1, 2, 3, 4], True
    )  # fmt: skip
    assert (list(proxy), proxy.index(3), proxy.count(1), proxy.pop()) == ([1, 2, 3] * 2, 2, 2, 3)
    proxy.sort(reverse=True)
    proxy[0:2] = []
    assert proxy._getvalue() == [2, 1, 1] == copy.deepcopy(proxy)
    with pytest.raises(IndexError, match="list index out of range"):
        proxy[9]


def test_value_array_namespace(manager: Any) -> None:
    value, array, space = manager.Value("i", 3), manager.Array("i", [1, 2]), manager.Namespace(x=1, _y=2)
    value.value += 4
    array[1] = 9
    assert (value.value, value.get(), str(value)) == (7, 7, "Value('i', 7)")
    assert (list(array[:]), len(array), str(array)) == ([1, 9], 2, "array('i', [1, 9])")
    space.z = 5
    del space.x
    assert space.z == 5 and str(space) == "Namespace(z=5)"
    with pytest.raises(AttributeError):
        space.x  # noqa: B018
    with pytest.raises(AttributeError):
        space._y  # noqa: B018
    for proxy, name in [(value, "ValueProxy"), (array, "ArrayProxy"), (space, "NamespaceProxy")]:
        assert type(proxy).__name__ == name and isinstance(proxy, getattr(STDLIB, name))


def test_locks(manager: Any) -> None:
    for proxy in (manager.Lock(), manager.RLock(), manager.Semaphore(1), manager.BoundedSemaphore(1)):
        assert isinstance(proxy, STDLIB.AcquirerProxy)
        assert proxy.acquire() is True
        assert proxy.release() is None
        with proxy:
            pass
        assert proxy.acquire(False) and proxy.release() is None
    with pytest.raises(ValueError, match="released too many times"):
        proxy.release()
    lock = manager.Lock()
    lock.acquire()
    assert not lock.acquire(True, 0.01) and not lock.acquire(False)
    with pytest.raises(RuntimeError):
        manager.RLock().release()


def test_waiting(manager: Any) -> None:
    event, condition, barrier = manager.Event(), manager.Condition(), manager.Barrier(2)
    assert not event.is_set() and not event.wait(0.001)
    event.set()
    assert event.is_set() and event.wait()
    event.clear()
    with condition:
        assert condition.wait(0.001) is False
        assert condition.wait_for(lambda: 7) == 7
        assert condition.wait_for(lambda: 0, 0.01) == 0
        condition.notify()
        condition.notify_all()
    assert (barrier.parties, barrier.n_waiting, barrier.broken) == (2, 0, False)
    thread = threading.Thread(target=barrier.wait)
    thread.start()
    barrier.wait(30)
    thread.join()
    barrier.abort()
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait()
    barrier.reset()
    assert not barrier.broken


@pytest.mark.parametrize("name", ["Queue", "JoinableQueue"])
def test_queues(manager: Any, name: str) -> None:
    proxy = getattr(manager, name)(2)
    proxy.put("a")
    proxy.put("b")
    assert proxy.full() and proxy.qsize() == 2
    with pytest.raises(queue.Full):
        proxy.put("c", timeout=0.001)
    assert (proxy.get(), proxy.get_nowait(), proxy.empty()) == ("a", "b", True)
    with pytest.raises(queue.Empty):
        proxy.get_nowait()
    proxy.task_done()
    proxy.task_done()
    proxy.join()


def test_pool(manager: Any) -> None:
    with manager.Pool(1) as pool:
        assert isinstance(pool, STDLIB.PoolProxy)
        assert pool.apply(targets.double, (4,)) == 8
        assert pool.apply_async(targets.double, (5,)).get(30) == 10
        assert pool.map(targets.double, [1, 2]) == [2, 4]
        assert list(pool.imap(targets.double, [1, 2])) == [2, 4]
    pool.join()


def test_nested(manager: Any) -> None:
    outer = manager.dict()
    outer["list"], outer["queue"] = manager.list([1]), manager.Queue()
    outer["list"].append(2)
    outer["queue"].put("in there")
    assert list(outer["list"]) == [1, 2]
    assert outer["queue"].get() == "in there"
    outer["list"] += [outer["list"][1]]
    assert str(outer["list"]) == "[1, 2, 2]"
    assert isinstance(outer.copy()["list"], STDLIB.ListProxy)


def test_iterators(managers: ModuleType, fork: Any) -> None:
    with targets.manager_of(managers, "counting")(ctx=fork) as manager:
        proxy = manager.counting(3)
        assert iter(proxy) is proxy and isinstance(proxy, STDLIB.IteratorProxy)
        assert (next(proxy), proxy.send(10), next(proxy)) == (0, 11, 12)
        with pytest.raises(StopIteration):
            next(proxy)
        proxy.close()


def test_own_classes(managers: ModuleType, fork: Any) -> None:
    with targets.manager_of(managers, "thing")(ctx=fork) as manager:
        thing = manager.thing(5)
        assert type(thing).__name__ == "AutoProxy[thing]" and thing.number() == 5
        assert thing._exposed_ == ("child", "fail", "leave", "number", "unpicklable", "child")
        assert thing.child().number() == 6
        with pytest.raises(ZeroDivisionError, match="as asked"):
            thing.fail("as asked")
        with pytest.raises(managers.RemoteError, match="(?s)Unserializable message: .*lambda") as told:
            thing.unpicklable()
        assert "-" * 75 in str(told.value)
        with pytest.raises(AttributeError):
            thing._hidden  # noqa: B018
        with pytest.raises(managers.RemoteError, match="is not in exposed"):
            thing._callmethod("_hidden")
        with pytest.raises(managers.RemoteError, match="KeyError"):
            manager._create("no such type")
        assert thing.number() == 5


def test_exposed_and_mapped(managers: ModuleType, fork: Any) -> None:
    made = managers.MakeProxyType("Made", ["number"])
    assert made is managers.MakeProxyType("Made", ("number",)) and made._exposed_ == ("number",)

    class Manager(managers.BaseManager):
        pass

    Manager.register("thing", targets.Thing, made)
    Manager.register("some", targets.Thing, exposed=("number",))
    Manager.register("hidden", targets.Thing, create_method=False)
    assert "thing" not in managers.BaseManager._registry and not hasattr(Manager, "hidden")
    with Manager(ctx=fork) as manager:
        assert type(manager.thing(1)) is made and manager.thing(1).number() == 1
        some = manager.some(2)
        assert some.number() == 2 and not hasattr(some, "child")


def test_states(managers: ModuleType, fork: Any) -> None:
    manager = managers.SyncManager(ctx=fork)
    with pytest.raises(AssertionError, match="server not yet started"):
        manager.dict()
    with pytest.raises(TypeError, match="initializer must be a callable"):
        manager.start(initializer=7)
    manager.start()
    with pytest.raises(multiprocessing.ProcessError, match="Already started server"):
        manager.start()
    with pytest.raises(multiprocessing.ProcessError, match="Already started server"):
        manager.get_server()
    proxy = manager.dict()
    assert manager._process.name.startswith("SyncManager-") and manager._number_of_objects() == 1
    assert "refcount=1" in manager._debug_info()
    assert proxy.copy() == {}  # this thread has a connection from now on
    manager.shutdown()
    manager.shutdown()
    manager.join()
    with pytest.raises(multiprocessing.ProcessError, match="Manager has shut down"):
        manager.start()
    for _ in range(2):
        with pytest.raises((ConnectionError, EOFError)):
            proxy.copy()
    assert str(proxy).endswith("; '__str__()' failed>")


@pytest.mark.parametrize("serializer", ["pickle", "xmlrpclib"])
def test_an_unused_server_ends_by_itself(managers: ModuleType, fork: Any, serializer: str) -> None:
    manager = managers.SyncManager(serializer=serializer, ctx=fork)
    manager.start()
    process = manager._process
    manager.shutdown()
    assert process.exitcode == 0  # not terminated after shutdown_timeout


def test_initializer(managers: ModuleType, context: Any) -> None:
    manager = managers.SyncManager(ctx=context)
    manager.start(signal.signal, (signal.SIGINT, signal.SIG_IGN))
    process = manager._process
    os.kill(process.pid, signal.SIGINT)
    proxy = manager.dict()
    proxy["a"] = 1
    assert process.is_alive() and proxy.copy() == {"a": 1}
    manager.shutdown()
    assert process.exitcode == 0


def test_initializer_that_fails(managers: ModuleType, fork: Any, capfd: pytest.CaptureFixture[str]) -> None:
    manager = managers.SyncManager(ctx=fork)
    with pytest.raises(EOFError):
        manager.start(targets.fail_now)
    manager._process.join()
    assert "ZeroDivisionError" in capfd.readouterr().err


@pytest.mark.skipif(sys.version_info < (3, 11), reason="shutdown_timeout is new in 3.11")
def test_a_server_that_does_not_end(managers: ModuleType, fork: Any) -> None:
    manager = managers.SyncManager(ctx=fork, shutdown_timeout=0.05)
    manager.start()
    process = manager._process
    os.kill(process.pid, signal.SIGSTOP)
    os.kill(process.pid, signal.SIGCONT)
    manager.shutdown()
    assert not process.is_alive()


def test_children(managers: ModuleType, context: Any) -> None:
    with managers.SyncManager(ctx=context, authkey=b"a key of its own") as manager:
        proxy, results = manager.dict(), manager.Queue()
        child = context.Process(target=targets.use, args=(proxy, results))
        child.start()
        assert results.get(timeout=30) == {"child": child.pid}
        child.join()
        assert (child.exitcode, proxy["child"]) == (0, child.pid)


def test_many_threads(manager: Any) -> None:
    proxy, lock = manager.Value("i", 0), manager.Lock()

    def count() -> None:
        for _ in range(20):
            with lock:
                proxy.value += 1

    threads = [threading.Thread(target=count) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert proxy.value == 100


def test_references(manager: Any) -> None:
    first, second = manager.list(), manager.dict()
    assert manager._number_of_objects() == 2
    other = pickle.loads(pickle.dumps(first))
    other.append(1)
    assert list(first) == [1] and manager._number_of_objects() == 2
    del first
    assert list(other) == [1] and manager._number_of_objects() == 2
    del other, second
    assert manager._number_of_objects() == 0


@pytest.mark.parametrize("serializer", ["pickle", "xmlrpclib"])
def test_remote(managers: ModuleType, fork: Any, serializer: str) -> None:
    class Manager(managers.BaseManager):
        pass

    Manager.register("things", targets.the_queue)
    Manager.register("add", targets.Thing)
    key = b"a key"
    with Manager(("127.0.0.1", 0), key, serializer, fork) as server:
        assert server.address[0] == "127.0.0.1" and server.address[1] > 0
        client = Manager(server.address, key, serializer)
        client.connect()
        client.things().put(("hello", 1, None, [2.5]))
        assert list(server.things().get()) == ["hello", 1, None, [2.5]]
        assert client.add(4).number() == 4
        stranger = Manager(server.address, b"another key", serializer)
        with pytest.raises(multiprocessing.AuthenticationError):
            stranger.connect()
        assert client.things().qsize() == 0


def test_server_in_this_process(managers: ModuleType, fork: Any) -> None:
    class Manager(managers.BaseManager):
        pass

    Manager.register("things", targets.the_queue)
    manager = Manager(("127.0.0.1", 0), b"a key")
    server = manager.get_server()
    assert isinstance(server, STDLIB.Server)
    child = fork.Process(target=targets.serve, args=(server,))
    child.start()
    server.listener.close()
    client = Manager(server.address, b"a key")
    client.connect()
    client.things().put(3)
    assert client.things().get() == 3
    with client._Client(client.address, authkey=b"a key") as connection:
        managers.dispatch(connection, None, "shutdown")
    child.join()
    assert child.exitcode == 0


def test_errors_of_the_protocol(managers: ModuleType) -> None:
    convert = managers.convert_to_error
    error = KeyError("x")
    assert convert("#ERROR", error) is error
    assert isinstance(convert("#TRACEBACK", "text"), managers.RemoteError)
    assert "Unserializable message: text" in str(convert("#UNSERIALIZABLE", "text"))
    assert isinstance(convert("#OTHER", 1), ValueError)
    with pytest.raises(TypeError, match="not str"):
        convert("#TRACEBACK", 7)
    assert managers.public_methods([]) == [n for n in managers.all_methods([]) if n[0] != "_"]
    with pytest.raises(TypeError, match="not bytes"):
        managers.Server({}, None, "text", "pickle")


@pytest.mark.parametrize("method", METHODS)
def test_shared_memory(impl: ModuleType, managers: ModuleType, method: str) -> None:
    with managers.SharedMemoryManager(ctx=impl.get_context(method)) as manager:
        block, items = manager.SharedMemory(100), manager.ShareableList([1, "two", 3.5])
        block.buf[0] = 7
        assert list(items) == [1, "two", 3.5]
        names = [block.name, items.shm.name]
        assert all(os.path.exists(f"/dev/shm/{name}") for name in names)
        block.close()
        items.shm.close()
    assert not any(os.path.exists(f"/dev/shm/{name}") for name in names)
