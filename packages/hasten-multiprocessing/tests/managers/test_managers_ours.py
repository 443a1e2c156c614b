"""What ours do beyond the standard library's: references that hold, servers that are killed."""

from __future__ import annotations

import gc
import multiprocessing.managers
import os
import pickle
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support import manager_targets as targets
from support.signalling import alarm

import hasten.multiprocessing as impl
from hasten.multiprocessing import managers
from hasten.multiprocessing._managers import _manager

FORK = impl.get_context("fork")
STDLIB = multiprocessing.managers


@pytest.fixture
def manager() -> Iterator[Any]:
    made = FORK.Manager()
    process = made._process
    with made:
        yield made
    process.close()


def objects_in_the_end(manager: Any, expected: int) -> bool:
    """Whether there are so many objects, at last: other processes give references back without a word."""
    deadline = time.monotonic() + 30
    while manager._number_of_objects() != expected and time.monotonic() < deadline:
        time.sleep(0.001)
    return manager._number_of_objects() == expected


def test_every_method_is_ours() -> None:
    for name in dir(STDLIB):
        theirs, our = getattr(STDLIB, name), getattr(managers, name, None)
        if not isinstance(theirs, type) or theirs.__module__ != STDLIB.__name__ or our is theirs:
            continue
        assert our is not None and issubclass(our, theirs), name
        for member, value in vars(theirs).items():
            if callable(value) or isinstance(value, (property, staticmethod, classmethod)):
                owner = next(base for base in our.__mro__ if member in vars(base))
                assert not owner.__module__.startswith("multiprocessing"), (name, member)


def test_names() -> None:
    for name in ("DictProxy", "ListProxy", "SetProxy", "SyncManager", "Server", "RebuildProxy", "AutoProxy"):
        assert getattr(managers, name).__module__ == "hasten.multiprocessing.managers"
        assert pickle.loads(pickle.dumps(getattr(managers, name))) is getattr(managers, name)
    assert managers.BaseProxy._address_to_local is STDLIB.BaseProxy._address_to_local
    assert managers.BaseProxy._mutex is STDLIB.BaseProxy._mutex


def test_set(manager: Any) -> None:
    proxy = same = manager.set([1, 2])
    proxy |= {3}
    proxy &= {2, 3, 4}
    proxy ^= {4}
    proxy -= {2}
    proxy.add(7)
    assert proxy is same and proxy._getvalue() == {3, 4, 7} and 7 in proxy and len(proxy) == 3
    assert proxy | {1} == {1, 3, 4, 7} and proxy >= {3} and proxy.isdisjoint({9})
    proxy.discard(3)
    assert str(proxy) == "{4, 7}"


def test_operators_and_locked_on_every_version(manager: Any) -> None:
    proxy = same = manager.dict(a=1)
    proxy |= {"b": 2}
    assert proxy is same and proxy | {"c": 3} == {"a": 1, "b": 2, "c": 3}
    assert {"a": 0} | proxy == {"a": 1, "b": 2}
    lock = manager.Lock()
    assert not lock.locked()
    with lock:
        assert lock.locked()
    assert isinstance(proxy, managers.DictProxy[str, int].__origin__)


def test_one_connection_for_everything(manager: Any) -> None:
    def connections() -> int:
        return sum(os.readlink(f"/proc/self/fd/{fd}").startswith("socket:") for fd in _fds())

    before = connections()
    proxies = [manager.dict() for _ in range(20)]
    for proxy in proxies:
        proxy["a"] = pickle.loads(pickle.dumps(proxy))["b"] = 1
    assert connections() == before + 1


def _fds() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.readlink(f"/proc/self/fd/{name}")
            found.append(name)
        except OSError:
            pass
    return found


def test_a_proxy_alone_in_a_pickle(manager: Any) -> None:
    proxy = manager.list([42])
    data = pickle.dumps(proxy)
    del proxy
    assert manager._number_of_objects() == 1
    first = pickle.loads(data)
    second = pickle.loads(data)
    assert list(first) == list(second) == [42]
    del first, second
    assert manager._number_of_objects() == 0


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_proxy_alone_in_a_start(manager: Any, method: str) -> None:
    context = impl.get_context(method)
    results = manager.Queue()
    child = context.Process(target=targets.use, args=(manager.dict(), results))
    child.start()
    assert results.get(timeout=60) == {"child": child.pid}
    child.join()
    assert child.exitcode == 0
    child.close()
    assert objects_in_the_end(manager, 1)


def test_nested_proxies_do_not_stay(manager: Any) -> None:
    outer = manager.dict()
    outer["inner"] = manager.list([1])
    inner = outer.pop("inner")
    assert list(inner) == [1] and manager._number_of_objects() == 2
    outer["inner"] = inner
    del inner
    assert list(outer["inner"]) == [1] and manager._number_of_objects() == 2
    del outer["inner"]
    assert manager._number_of_objects() == 1
    assert outer._manager._peer().channel().ours


def test_a_proxy_without_its_manager_makes_proxies(manager: Any) -> None:
    with targets.manager_of(managers, "thing")(ctx=FORK) as other:
        thing = pickle.loads(pickle.dumps(other.thing(1)))
        assert thing._manager is None
        assert thing.child().child().number() == 3
    proxy = pickle.loads(pickle.dumps(manager.dict(a=1)))
    assert list(proxy) == ["a"] and isinstance(iter(proxy), managers.IteratorProxy)


def test_what_is_raised_has_the_servers_traceback() -> None:
    with targets.manager_of(managers, "thing")(ctx=FORK) as manager:
        thing = manager.thing(1)
        with pytest.raises(ZeroDivisionError) as told:
            thing.fail("so")
        assert type(told.value.__cause__).__name__ == "RemoteTraceback"
        assert "manager_targets.py" in str(told.value.__cause__) and "in fail" in str(told.value.__cause__)
        with pytest.raises(managers.RemoteError, match="SystemExit: 3"):
            thing.leave()
        assert thing.number() == 1


def test_killed_while_clients_wait() -> None:
    manager = FORK.Manager()
    lock, process = manager.Lock(), manager._process
    lock.acquire()
    told: list[Any] = []

    def wait() -> None:
        try:
            lock.acquire()
        except Exception as error:
            told.append(error)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(_clients_of(process.pid)) < 5:  # the listener, this thread's and theirs
        time.sleep(0.001)
    process.kill()
    for thread in threads:
        thread.join(30)
    assert len(told) == 3 and all(isinstance(error, (EOFError, ConnectionError)) for error in told)
    with pytest.raises((EOFError, ConnectionError)):
        lock.acquire()
    with pytest.raises((ConnectionError, FileNotFoundError)):
        lock.acquire()
    with pytest.raises((ConnectionError, FileNotFoundError)):
        manager.dict()
    manager.shutdown()
    process.join()
    process.close()


def _clients_of(pid: int) -> list[str]:
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                found.append(name)
        except OSError:
            pass
    return found


def test_killed_with_a_child_of_its_own() -> None:
    """A pool's workers are the server's children: they do not keep its connections open."""
    manager = FORK.Manager()
    proxy = manager.dict()
    pool = manager.Pool(1)
    assert pool.apply(targets.double, (4,)) == 8
    worker = pool.apply(os.getpid)
    process = manager._process
    process.kill()
    with pytest.raises((EOFError, ConnectionError)):
        proxy.copy()
    manager.shutdown()
    try:
        os.kill(worker, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.join()
    process.close()


def test_a_call_that_is_interrupted_leaves_no_answer_behind(manager: Any) -> None:
    queue = manager.Queue()
    value = manager.Value("i", 5)

    def interrupt(*args: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            queue.get()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert value.value == 5
    queue.put("for the call that was given up")
    assert value.value == 5


def test_a_signal_handler_makes_calls_too(manager: Any) -> None:
    queue, seen = manager.Queue(), []

    def handler(*args: Any) -> None:
        seen.append(manager.Value("i", 7).value)
        queue.put("done")

    with alarm(0.05, handler):
        assert queue.get() == "done" and seen == [7]
    gc.collect()
    assert manager._number_of_objects() == 1


def test_a_child_of_a_bare_fork_has_its_own_connection(manager: Any) -> None:
    proxy = manager.list()
    proxy.append(0)
    pid = os.fork()
    if not pid:
        code = 1
        try:
            for number in range(50):
                proxy.append(number)
            code = 0
        finally:
            os._exit(code)
    for _ in range(50):
        assert proxy[0] == 0
    assert os.waitpid(pid, 0)[1] == 0
    assert len(proxy) == 51


def test_a_server_frozen_is_killed() -> None:
    manager = managers.SyncManager(ctx=FORK, shutdown_timeout=0.05)
    manager.start()
    proxy, process = manager.dict(), manager._process
    os.kill(process.pid, signal.SIGSTOP)
    manager.shutdown()
    assert process.exitcode == -signal.SIGKILL
    process.close()
    del proxy


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_shutdown_opens_no_connection(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = managers.SyncManager(ctx=impl.get_context(method))
    monkeypatch.setattr(manager, "_Client", _no_client)
    manager.start()
    process, path = manager._process, str(manager.address)
    manager.shutdown()
    assert process.exitcode == 0 and process._line.closed and not os.path.exists(path)
    process.close()


def _no_client(address: Any, authkey: Any = None) -> Any:
    raise ConnectionRefusedError("nobody is to connect")


class OldManager(managers.SyncManager):
    """One whose server tells its address as the standard library's does, and closes the pipe."""

    @classmethod
    def _run_server(
        cls, registry: Any, address: Any, authkey: Any, name: str, writer: Any, *rest: Any
    ) -> None:
        server = cls._Server(registry, address, authkey, name)
        writer.send(server.address)
        writer.close()
        server.serve_forever()


class OverridingServer(managers.Server):
    def handle_request(self, conn: Any) -> None:
        super().handle_request(conn)


class OverridingManager(managers.SyncManager):
    _Server = OverridingServer


@pytest.mark.parametrize("kind", [OldManager, OverridingManager])
def test_a_server_that_does_not_listen_to_who_started_it(kind: Any) -> None:
    manager = kind(ctx=FORK)
    manager.start()
    process = manager._process
    assert manager.list([1])[0] == 1
    manager.shutdown()
    assert process.exitcode == 0
    process.close()


def test_a_start_that_fails_leaves_no_descriptor(capfd: pytest.CaptureFixture[str]) -> None:
    managers.SyncManager(ctx=FORK)
    before = _fds()
    manager = managers.SyncManager(ctx=FORK)
    with pytest.raises(EOFError):
        manager.start(_fails)
    manager._process.join()
    manager._process.close()
    assert _fds() == before and "no server today" in capfd.readouterr().err


def _fails() -> None:
    raise ValueError("no server today")


FOLDERS = """
import os, sys, tempfile
from hasten.multiprocessing import get_context, process, util

def address():
    with get_context("fork").Manager() as manager:
        assert os.path.exists(manager.address) and manager.list([1])[0] == 1
        return manager.address

def folder():
    return os.path.dirname(address())

first = folder()
assert folder() == first and os.path.isdir(first) and tempfile.tempdir is None
assert "tempdir" not in process.current_process()._config
os.rmdir(first)
second = folder()
assert second != first and os.listdir(second) == []
os.environ["TMPDIR"] = os.path.join(os.getcwd(), "elsewhere")
os.mkdir("elsewhere")
third = folder()
assert os.path.dirname(third) == os.environ["TMPDIR"]
os.environ["TMPDIR"] = deep = os.path.join(os.environ["TMPDIR"], "deep" * 30)
os.mkdir(deep)
assert len(address()) < 108
tempfile.tempdir = os.fsencode(os.getcwd()) if sys.version_info >= (3, 10) else os.getcwd()
fourth = folder()
pid = os.fork()
if not pid:
    assert folder() != fourth
    util._exit_function()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
own = util.get_temp_dir()
assert folder() == own
print(*{first, second, third, fourth, own}, sep="\\n")
"""


def test_servers_have_a_folder_of_who_starts_them(python: Any, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    options = ("-W", "ignore::DeprecationWarning")
    folders = python(FOLDERS, *options).split()
    assert len(folders) == 5 and not any(map(os.path.exists, folders))
    assert [entry for entry in os.listdir(tmp_path) if entry.startswith("pymp-")] == []


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_an_initializer_chooses_the_place_of_the_folder(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does in the standard library; it may also be the one that gives up the right to write to ours."""
    monkeypatch.delitem(impl.current_process()._config, "tempdir", raising=False)
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        manager = managers.SyncManager(ctx=impl.get_context(method))
        manager.start(targets.have_folders_in, (place,))
        process = manager._process
        address = str(manager.address)
        manager.shutdown()
        process.close()
        assert address.startswith(place) and os.listdir(place) == []


def test_start_that_fails_at_once_with_another_child_there(capfd: pytest.CaptureFixture[str]) -> None:
    manager = managers.SyncManager(ctx=FORK)
    with pytest.raises(EOFError):
        manager.start(os._exit, (3,))
    manager.join()
    assert manager._process is None


def test_own_proxies() -> None:
    class Counted(managers.BaseProxy):
        _exposed_ = ("number",)

        def number(self) -> Any:
            return self._callmethod("number") + 100

    class Manager(managers.BaseManager):
        pass

    Manager.register("thing", targets.Thing, Counted)
    with Manager(ctx=FORK) as manager:
        thing = manager.thing(1)
        assert thing.number() == 101 and type(thing) is Counted
        assert thing._token.typeid == "thing" and thing._manager is manager
        assert thing._authkey == manager._authkey and thing._id == thing._token.id
        del thing
        assert manager._number_of_objects() == 0


def test_a_proxy_without_a_reference(manager: Any) -> None:
    proxy = manager.dict(a=1)
    token = managers.Token("dict", manager.address, proxy._id)
    weak = managers.DictProxy(token, "pickle", authkey=manager._authkey, incref=False)
    assert weak.copy() == {"a": 1}
    del proxy
    with pytest.raises(managers.RemoteError, match="KeyError"):
        weak.copy()
    token = manager.list()._token
    auto = managers.AutoProxy(token, "pickle", authkey=manager._authkey, incref=False, exposed=())
    assert repr(auto).startswith("<AutoProxy[list] object, typeid 'list' at 0x")


def test_large_arguments_and_results(manager: Any) -> None:
    proxy = manager.dict()
    data = os.urandom(3 << 20)
    proxy["data"] = data
    assert proxy["data"] == data


def test_a_server_that_does_not_answer_is_ended() -> None:
    manager = managers.SyncManager(ctx=FORK, shutdown_timeout=0.1)
    manager.start()
    process = manager._process
    os.kill(process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    asking = threading.Thread(target=manager.shutdown, daemon=True)
    asking.start()
    asking.join(20)
    in_time = not asking.is_alive()
    process.kill()  # of one that waits for the server all the same
    asking.join()
    assert in_time and process.exitcode == -signal.SIGKILL
    process.close()


def test_a_pickle_is_read_by_the_standard_library(manager: Any) -> None:
    """Workers that a program starts by itself, as loky does, are plain interpreters."""
    proxy = manager.list([1])
    _, (_, *rest) = proxy.__reduce__()
    theirs = STDLIB.RebuildProxy(STDLIB.ListProxy, *rest)
    theirs.append(2)
    assert type(theirs) is STDLIB.ListProxy and proxy[:] == [1, 2]
    del theirs
    gc.collect()
    assert proxy[:] == [1, 2]


def test_a_plain_server_is_not_sent_types_that_it_lacks() -> None:
    newer = type("NewerProxy", (STDLIB.BaseProxy,), {"__module__": STDLIB.__name__})
    registry = {"list": (list, None, None, STDLIB.ListProxy), "newer": (list, None, None, newer)}
    sent = pickle.loads(pickle.dumps(_manager._Sent(registry)))
    assert type(sent) is dict and [*sent] == ["list"]
