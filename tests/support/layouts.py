"""Steps: classes with two bases, of ours or of anybody, and one characteristic use of each base."""

from __future__ import annotations

import abc
import importlib
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from support.public_names import MODULES

T = TypeVar("T")


class Base(NamedTuple):
    """A class, what its __init__ is called with, and a use which raises or returns False if it fails."""

    name: str
    cls: type
    arguments: tuple[Any, ...]
    use: Callable[[Any, Any], Any]


class HashedDict(dict):
    __hash__ = object.__hash__  # type: ignore[assignment]  # threads are kept in sets


class HashedList(list):
    __hash__ = object.__hash__  # type: ignore[assignment]


class OneSlot:
    __slots__ = ("a",)


class NoSlots:
    __slots__ = ()


class Typed(Generic[T]):
    pass


class Abstract(abc.ABC):  # noqa: B024
    pass


class Meta(type):
    pass


class WithMeta(metaclass=Meta):
    pass


def uses_queue(cls: Any, one: Any) -> bool:
    cls.put(one, 1)
    return cls.get(one, True, 1) == 1 and cls.qsize(one) == 0


def uses_event(cls: Any, one: Any) -> bool:
    before = cls.wait(one, 0)
    cls.set(one)
    return not before and cls.wait(one, 0)


def uses_condition(cls: Any, one: Any) -> bool:
    cls.__enter__(one)
    cls.notify_all(one)
    timed_out = not cls.wait(one, 0.0001)
    cls.__exit__(one, None, None, None)
    return timed_out


def uses_semaphore(cls: Any, one: Any) -> bool:
    first, second = cls.acquire(one), cls.acquire(one, False)
    cls.release(one)
    return first and not second


def uses_thread(cls: Any, one: Any) -> bool:
    cls.start(one)
    cls.join(one, 5)
    return not cls.is_alive(one) and one.ident is not None


def uses_future(cls: Any, one: Any) -> bool:
    called: list[Any] = []
    cls.add_done_callback(one, called.append)
    cls.set_result(one, 5)
    return cls.result(one, 1) == 5 and len(called) == 1 and called[0] is one


def uses_thread_pool(cls: Any, one: Any) -> bool:
    got = cls.submit(one, int, "7").result(5)
    cls.shutdown(one)
    return got == 7


def uses_scheduler(cls: Any, one: Any) -> bool:
    ran: list[int] = []
    cls.enter(one, 0, 1, ran.append, (1,))
    cls.run(one)
    return ran == [1]


def uses_shared_memory(cls: Any, one: Any) -> bool:
    one._buf[3] = 7  # a method of another base may have the name buf, close or size
    name, size = one._name, one._size
    cls.close(one)
    cls.unlink(one)
    return name.startswith("/psm_") and size == 10 and one._buf is None


def uses_dict(_: Any, one: Any) -> bool:
    dict.__setitem__(one, "key", 1)
    return dict.__getitem__(one, "key") == 1


def uses_list(_: Any, one: Any) -> bool:
    list.append(one, 1)
    return list.__getitem__(one, -1) == 1


def uses_exception(_: Any, one: Any) -> bool:
    try:
        raise one
    except Exception as error:
        return error is one


def uses_socket(_: Any, one: Any) -> bool:
    open_ = socket.socket.fileno(one) >= 0
    socket.socket.close(one)
    return open_


def uses_local(_: Any, one: Any) -> bool:
    one.of_a_thread = 1
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(hasattr(one, "of_a_thread")))
    thread.start()
    thread.join()
    return seen == [False] and one.of_a_thread == 1


def uses_slot(_: Any, one: Any) -> bool:
    one.a = 7
    return one.a == 7 and "a" not in getattr(one, "__dict__", {})


FOREIGN = (
    Base("dict", dict, (), uses_dict),
    Base("list", list, (), uses_list),
    Base("HashedDict", HashedDict, (), uses_dict),
    Base("HashedList", HashedList, (), uses_list),
    Base("Exception", Exception, (), uses_exception),
    Base("socket", socket.socket, (), uses_socket),
    Base("OneSlot", OneSlot, (), uses_slot),
    Base("NoSlots", NoSlots, (), lambda cls, one: isinstance(one, NoSlots)),
    Base("Generic[T]", Typed, (), lambda cls, one: type(one)[int] is not None),
    Base("ABC", Abstract, (), lambda cls, one: type(type(one)) is abc.ABCMeta),
    Base("WithMeta", WithMeta, (), lambda cls, one: type(type(one)) is Meta),
)
# (module, class, arguments, use); a method of the class is called by the class, as a name may be in both
PUBLIC: tuple[tuple[str, str, tuple[Any, ...], Callable[[Any, Any], Any]], ...] = (
    ("hasten.queue", "Queue", (), uses_queue),
    ("hasten.queue", "LifoQueue", (), uses_queue),
    ("hasten.queue", "PriorityQueue", (), uses_queue),
    ("hasten.queue", "SimpleQueue", (), uses_queue),
    ("hasten.threading", "Event", (), uses_event),
    ("hasten.threading", "Condition", (), uses_condition),
    ("hasten.threading", "Semaphore", (), uses_semaphore),
    ("hasten.threading", "BoundedSemaphore", (), uses_semaphore),
    ("hasten.threading", "Barrier", (1,), lambda cls, one: cls.wait(one, 1) == 0),
    ("hasten.threading", "Thread", (), uses_thread),
    ("hasten.threading", "Timer", (0, int), uses_thread),
    ("hasten.threading", "local", (), uses_local),
    (
        "hasten.threading",
        "serialize_iterator",
        (iter(range(10000)),),
        lambda cls, one: cls.__next__(one) >= 0,
    ),
    ("hasten.shared_memory", "SharedMemory", (None, True, 10), uses_shared_memory),
    ("hasten.sched", "scheduler", (), uses_scheduler),
    ("hasten.subprocess", "Popen", (["true"],), lambda cls, one: cls.wait(one, 5) == 0),
    ("hasten.subprocess", "CompletedProcess", (["x"], 0), lambda cls, one: cls.check_returncode(one) is None),
    ("hasten.futures", "Future", (), uses_future),
    ("hasten.futures", "ThreadPoolExecutor", (1,), uses_thread_pool),
    ("hasten.futures", "ProcessPoolExecutor", (1,), lambda cls, one: cls.shutdown(one) is None),
)

# A local's __init__ runs again in each thread, and so does a thread's: the standard library's hang
STARTING = {"Thread", "Timer", "ThreadPoolExecutor", "ProcessPoolExecutor"}


# The module of a side, for what has one: hasten.dummy_threading stands for threading alone
STANDS_FOR = {"dummy": {"hasten.threading": "hasten.dummy_threading"}}


def module_of(side: str, ours: str) -> Any:
    return importlib.import_module(
        MODULES[ours] if side == "stdlib" else STANDS_FOR.get(side, {}).get(ours, ours)
    )


def public_bases(side: str) -> Iterator[Base]:
    for ours, name, arguments, use in PUBLIC:
        if side in STANDS_FOR and ours not in STANDS_FOR[side]:
            continue
        if hasattr(module_of(side, ours), name):
            yield Base(name, getattr(module_of(side, ours), name), arguments, use)


def combine(first: Base, second: Base) -> str:
    """What comes of `class Both(first, second)`, made and used as each of them."""
    bases = (first, second)

    def __init__(self: Any) -> None:
        for base in bases:
            initialise: Any = base.cls.__init__  # type: ignore[misc]
            initialise(self, *base.arguments)

    both: Any = type("Both", (first.cls, second.cls), {"__init__": __init__})
    one = both()
    for base in bases:
        if not base.use(base.cls, one):
            return f"as a {base.name} it does not work"
    return "works"


def steps(side: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each pair of public classes, and each with each foreign one; both orders."""
    ours = list(public_bases(side))
    mixed = [*itertools.product(ours, FOREIGN), *itertools.product(FOREIGN, ours)]
    for first, second in [*itertools.permutations(ours, 2), *mixed]:
        if "local" in (first.name, second.name) and {first.name, second.name} & STARTING:
            continue
        yield f"class ({first.name}, {second.name})", lambda a=first, b=second: combine(a, b)  # type: ignore[misc]
