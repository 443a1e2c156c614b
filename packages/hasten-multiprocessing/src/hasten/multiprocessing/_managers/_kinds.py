"""The proxies of a SyncManager's types, and those of its types that are defined here."""

from __future__ import annotations

import time
from collections.abc import MutableMapping, MutableSequence
from types import GenericAlias

from hasten.multiprocessing._managers._protocol import _stdlib, published
from hasten.multiprocessing._managers._proxies import BaseProxy, proxy_type

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any


def _also(*names):
    """The standard library's classes of these names that this version of Python has."""
    return tuple(getattr(_stdlib, name) for name in names if hasattr(_stdlib, name))


# ---- objects ----


@published
class Namespace(_stdlib.Namespace):
    """An object with the attributes that are set."""

    def __init__(self, /, **kwds):
        self.__dict__.update(kwds)

    def __repr__(self):
        shown = sorted(f"{name}={value!r}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"{type(self).__name__}({', '.join(shown)})"


@published
class Value(_stdlib.Value):  # type: ignore[name-defined]
    """A value with get() and set(); typecode and lock are ignored."""

    def __init__(self, typecode, value, lock=True):
        self._typecode = typecode
        self._value = value

    def get(self):
        return self._value

    def set(self, value):
        self._value = value

    def __repr__(self):
        return f"{type(self).__name__}({self._typecode!r}, {self._value!r})"

    value = property(get, set)


@published
def Array(typecode, sequence, lock=True):
    """An array.array; lock is ignored."""
    import array

    return array.array(typecode, sequence)


# ---- proxies ----


@published
class IteratorProxy(BaseProxy, _stdlib.IteratorProxy):  # type: ignore[name-defined]
    """A proxy of an iterator or generator."""

    _exposed_ = ("__next__", "send", "throw", "close")

    def __iter__(self):
        return self

    def __next__(self, *args):
        return self._callmethod("__next__", args)

    def send(self, *args):
        return self._callmethod("send", args)

    def throw(self, *args):
        return self._callmethod("throw", args)

    def close(self, *args):
        return self._callmethod("close", args)


@published
class AcquirerProxy(BaseProxy, _stdlib.AcquirerProxy):  # type: ignore[name-defined]
    """A proxy of a lock or semaphore.  Its holder is the server's thread that serves the calling thread."""

    _exposed_: tuple[str, ...] = ("acquire", "release", "locked")

    def acquire(self, blocking=True, timeout=None):
        """Acquire; whether that was possible.  Blocks, up to *timeout* seconds (None: no limit)."""
        return self._callmethod("acquire", (blocking,) if timeout is None else (blocking, timeout))

    def release(self):
        return self._callmethod("release")

    def locked(self):
        return self._callmethod("locked")

    def __enter__(self):
        return self._callmethod("acquire")

    def __exit__(self, exc_type, exc_val, exc_tb):
        return self._callmethod("release")


@published
class ConditionProxy(AcquirerProxy, _stdlib.ConditionProxy):  # type: ignore[name-defined]
    """A proxy of a condition variable."""

    _exposed_ = ("acquire", "release", "locked", "wait", "notify", "notify_all")

    def wait(self, timeout=None):
        return self._callmethod("wait", (timeout,))

    def notify(self, n=1):
        return self._callmethod("notify", (n,))

    def notify_all(self):
        return self._callmethod("notify_all")

    def wait_for(self, predicate, timeout=None):
        """Block until *predicate*, called in this process, is true, or for *timeout* seconds; its last
        result."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            result = predicate()
            if result:
                return result
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return result
            self.wait(left)


@published
class EventProxy(BaseProxy, _stdlib.EventProxy):  # type: ignore[name-defined]
    """A proxy of an event."""

    _exposed_ = ("is_set", "set", "clear", "wait")

    def is_set(self):
        return self._callmethod("is_set")

    def set(self):
        return self._callmethod("set")

    def clear(self):
        return self._callmethod("clear")

    def wait(self, timeout=None):
        return self._callmethod("wait", (timeout,))


def _attribute(name):
    """A property that reads the object's attribute of this name."""
    return property(lambda self: self._callmethod("__getattribute__", (name,)))


@published
class BarrierProxy(BaseProxy, _stdlib.BarrierProxy):  # type: ignore[name-defined]
    """A proxy of a barrier."""

    _exposed_ = ("__getattribute__", "wait", "abort", "reset")

    def wait(self, timeout=None):
        return self._callmethod("wait", (timeout,))

    def abort(self):
        return self._callmethod("abort")

    def reset(self):
        return self._callmethod("reset")

    parties = _attribute("parties")
    n_waiting = _attribute("n_waiting")
    broken = _attribute("broken")


@published
class NamespaceProxy(BaseProxy, _stdlib.NamespaceProxy):  # type: ignore[name-defined]
    """A proxy of a Namespace.  Names that begin with an underscore are attributes of the proxy itself."""

    _exposed_ = ("__getattribute__", "__setattr__", "__delattr__")

    def __getattr__(self, key):
        if key.startswith("_"):
            return object.__getattribute__(self, key)
        return object.__getattribute__(self, "_callmethod")("__getattribute__", (key,))

    def __setattr__(self, key, value):
        if key.startswith("_"):
            object.__setattr__(self, key, value)
        else:
            object.__getattribute__(self, "_callmethod")("__setattr__", (key, value))

    def __delattr__(self, key):
        if key.startswith("_"):
            object.__delattr__(self, key)
        else:
            object.__getattribute__(self, "_callmethod")("__delattr__", (key,))


@published
class ValueProxy(BaseProxy, _stdlib.ValueProxy):
    """A proxy of a Value."""

    _exposed_ = ("get", "set")

    def get(self):
        return self._callmethod("get")

    def set(self, value):
        return self._callmethod("set", (value,))

    value = property(get, set)

    __class_getitem__: Any = classmethod(GenericAlias)


def _in_place(*names):
    """In-place operators by name: they change the object and return the proxy."""

    def method(name):
        def change(self, value):
            self._callmethod(name, (value,))
            return self

        change.__name__ = name
        return change

    return {name: method(name) for name in names}


def _container(name, base, in_place):
    """The public class of a container's proxy: *base* with in-place operators."""
    members = {**in_place, "__class_getitem__": classmethod(GenericAlias), "__module__": base.__module__}
    for member in in_place.values():
        member.__qualname__, member.__module__ = f"{name}.{member.__name__}", base.__module__
    return type(name, (base, *_also(name)), members)


_LIST = """
    __add__ __contains__ __delitem__ __getitem__ __imul__ __len__ __mul__ __reversed__ __rmul__ __setitem__
    append clear copy count extend index insert pop remove reverse sort
"""
_DICT = """
    __contains__ __delitem__ __getitem__ __ior__ __iter__ __len__ __or__ __reversed__ __ror__ __setitem__
    clear copy fromkeys get items keys pop popitem setdefault update values
"""
_SET = """
    __and__ __class_getitem__ __contains__ __iand__ __ior__ __isub__ __iter__ __ixor__ __len__ __or__ __rand__
    __ror__ __rsub__ __rxor__ __sub__ __xor__ __ge__ __gt__ __le__ __lt__
    add clear copy difference difference_update discard intersection intersection_update isdisjoint issubset
    issuperset pop remove symmetric_difference symmetric_difference_update union update
"""
_POOL = """
    apply apply_async close imap imap_unordered join map map_async starmap starmap_async terminate
"""

BaseListProxy = proxy_type("BaseListProxy", _LIST.split(), *_also("BaseListProxy"))


def _iadd(self, value):
    self._callmethod("extend", (value,))
    return self


_iadd.__name__ = "__iadd__"
ListProxy = _container("ListProxy", BaseListProxy, {"__iadd__": _iadd, **_in_place("__imul__")})

_BaseDictProxy = proxy_type("_BaseDictProxy", _DICT.split(), *(_also("_BaseDictProxy") or _also("DictProxy")))
_BaseDictProxy._method_to_typeid_ = {"__iter__": "Iterator"}
DictProxy = _container("DictProxy", _BaseDictProxy, _in_place("__ior__"))

_BaseSetProxy = proxy_type("_BaseSetProxy", _SET.split(), *_also("_BaseSetProxy"))
SetProxy = _container("SetProxy", _BaseSetProxy, _in_place("__ior__", "__iand__", "__ixor__", "__isub__"))

ArrayProxy = proxy_type("ArrayProxy", ("__len__", "__getitem__", "__setitem__"), *_also("ArrayProxy"))

BasePoolProxy: Any = proxy_type("PoolProxy", _POOL.split(), *_also("BasePoolProxy"))
BasePoolProxy._method_to_typeid_ = {
    "apply_async": "AsyncResult",
    "map_async": "AsyncResult",
    "starmap_async": "AsyncResult",
    "imap": "Iterator",
    "imap_unordered": "Iterator",
}


@published
class PoolProxy(BasePoolProxy, *_also("PoolProxy")):  # type: ignore[misc]
    """A proxy of a pool of processes, which are children of the server."""

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        self.terminate()


MutableSequence.register(BaseListProxy)
MutableMapping.register(_BaseDictProxy)
MutableMapping.register(_BaseSetProxy)  # as in the standard library
