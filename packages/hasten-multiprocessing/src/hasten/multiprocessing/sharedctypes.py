"""The standard library's `multiprocessing.sharedctypes`: ctypes objects in memory that processes share."""

from __future__ import annotations

import ctypes
import multiprocessing.sharedctypes as _stdlib
from multiprocessing import context
from multiprocessing.context import assert_spawning, reduction
from weakref import WeakKeyDictionary

from hasten.multiprocessing import _registries, heap, synchronize

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any

__all__ = ["RawValue", "RawArray", "Value", "Array", "copy", "synchronized"]

typecode_to_type = _stdlib.typecode_to_type  # programs may have added to it
_StdlibBase = _stdlib.SynchronizedBase
__getattr__ = _registries.rest_of(__name__, _stdlib)
_ForkingPickler = reduction.ForkingPickler


def _new_value(type_: Any) -> Any:
    try:
        size = ctypes.sizeof(type_)
    except TypeError as error:
        codes = ", ".join(typecode_to_type)
        raise TypeError(f"bad typecode (must be a ctypes type or one of {codes}), not {type_!r}") from error
    return rebuild_ctype(type_, heap.BufferWrapper(size), None)


def _zeros(type_: Any) -> Any:
    value = _new_value(type_)
    ctypes.memset(ctypes.addressof(value), 0, ctypes.sizeof(value))
    return value


def RawValue(typecode_or_type: Any, *args: Any) -> Any:
    """A ctypes object in shared memory, without a lock.

    typecode_or_type: a ctypes type, or one of the letters of array.array.  args: for the type.
    """
    value = _zeros(typecode_to_type.get(typecode_or_type, typecode_or_type))
    value.__init__(*args)
    return value


def RawArray(typecode_or_type: Any, size_or_initializer: Any) -> Any:
    """A ctypes array in shared memory, without a lock.

    typecode_or_type: the type of its elements, as for RawValue().  size_or_initializer: the number of
    elements, which are zero then; or a sequence of their values.
    """
    type_ = typecode_to_type.get(typecode_or_type, typecode_or_type)
    if isinstance(size_or_initializer, int):
        return _zeros(type_ * size_or_initializer)
    array = _new_value(type_ * len(size_or_initializer))
    array.__init__(*size_or_initializer)
    return array


def _new_lock(ctx: Any) -> Any:
    return synchronize.RLock(ctx=None) if ctx is None else ctx.RLock()


def _locked(obj: Any, lock: Any, ctx: Any) -> Any:
    """The result of Value() and Array().  lock: a lock; False for none; True or None for a new one."""
    if lock is False:
        return obj
    if lock is True or lock is None:
        lock = _new_lock(ctx)
    if not hasattr(lock, "acquire"):
        raise AttributeError(f"{lock!r} has no method 'acquire'")
    return synchronized(obj, lock, ctx)


def Value(typecode_or_type: Any, *args: Any, lock: Any = True, ctx: Any = None) -> Any:
    """A ctypes object in shared memory, with a lock.

    typecode_or_type, args: as for RawValue().  lock: a lock; True or None makes an RLock; False returns the
    object without a lock.  ctx: the context that the lock belongs to.
    """
    return _locked(RawValue(typecode_or_type, *args), lock, ctx)


def Array(typecode_or_type: Any, size_or_initializer: Any, *, lock: Any = True, ctx: Any = None) -> Any:
    """A ctypes array in shared memory, with a lock.

    typecode_or_type, size_or_initializer: as for RawArray().  lock, ctx: as for Value().
    """
    return _locked(RawArray(typecode_or_type, size_or_initializer), lock, ctx)


def copy(obj: Any) -> Any:
    """A copy of a ctypes object in shared memory."""
    new = _new_value(type(obj))
    ctypes.pointer(new)[0] = obj
    return new


def synchronized(obj: Any, lock: Any = None, ctx: Any = None) -> Any:
    """A wrapper of a ctypes object that takes the lock for each access; None makes an RLock.

    AssertionError if it is such a wrapper already.
    """
    if isinstance(obj, _StdlibBase):
        raise AssertionError("object already synchronized")
    if isinstance(obj, ctypes._SimpleCData):
        return Synchronized(obj, lock, ctx)
    if isinstance(obj, ctypes.Array):
        of_chars = obj._type_ is ctypes.c_char
        return (SynchronizedString if of_chars else SynchronizedArray)(obj, lock, ctx)
    return _wrapper_of(type(obj))(obj, lock, ctx)


def _wrapper_of(cls: Any) -> Any:
    """The wrapper class of a structure or union: a property for each field."""
    found = class_cache.get(cls)
    if found is None:
        properties = {field[0]: make_property(field[0]) for field in cls._fields_}
        found = class_cache[cls] = type(f"Synchronized{cls.__name__}", (SynchronizedBase,), properties)
    return found


def reduce_ctype(obj: Any) -> tuple[Any, ...]:
    """Reduce a ctypes object in shared memory while a child is started."""
    assert_spawning(obj)
    if isinstance(obj, ctypes.Array):
        return rebuild_ctype, (obj._type_, obj._wrapper, obj._length_)
    return rebuild_ctype, (type(obj), obj._wrapper, None)


def rebuild_ctype(type_: Any, wrapper: Any, length: int | None) -> Any:
    """The ctypes object in the memory of *wrapper*.  length: of an array, whose elements are of *type_*."""
    whole = type_ if length is None else type_ * length
    _ForkingPickler.register(whole, reduce_ctype)
    obj = whole.from_buffer(wrapper.create_memoryview())
    obj._wrapper = wrapper
    return obj


def make_property(name: str) -> property:
    """A property of that name of the wrapped object, read and written with the lock held."""
    if name not in prop_cache:

        def read(self: Any) -> Any:
            self.acquire()
            try:
                return getattr(self._obj, name)
            finally:
                self.release()

        def write(self: Any, value: Any) -> None:
            self.acquire()
            try:
                setattr(self._obj, name, value)
            finally:
                self.release()

        prop_cache[name] = property(read, write)
    return prop_cache[name]


prop_cache: dict[str, property] = {}
class_cache: Any = WeakKeyDictionary()


class SynchronizedBase(_StdlibBase):
    """A ctypes object and a lock: `with` takes the lock, get_obj() returns the object itself."""

    def __init__(self, obj: Any, lock: Any = None, ctx: Any = None) -> None:
        self._obj = obj
        self._lock = lock or _new_lock(ctx)
        self.acquire = self._lock.acquire
        self.release = self._lock.release

    def __enter__(self) -> Any:
        return self._lock.__enter__()

    def __exit__(self, *args: Any) -> Any:
        return self._lock.__exit__(*args)

    def __reduce__(self) -> tuple[Any, ...]:
        assert_spawning(self)
        return synchronized, (self._obj, self._lock)

    def get_obj(self) -> Any:
        """The ctypes object."""
        return self._obj

    def get_lock(self) -> Any:
        """The lock."""
        return self._lock

    def __repr__(self) -> str:
        return f"<{type(self).__name__} wrapper for {self._obj}>"


class Synchronized(SynchronizedBase, _stdlib.Synchronized):
    """A simple ctypes object and a lock."""

    value = make_property("value")


class SynchronizedArray(SynchronizedBase, _stdlib.SynchronizedArray):
    """A ctypes array and a lock."""

    def __len__(self) -> int:
        return len(self._obj)

    def __getitem__(self, i: Any) -> Any:
        with self:
            return self._obj[i]

    def __setitem__(self, i: Any, value: Any) -> None:
        with self:
            self._obj[i] = value

    def __getslice__(self, start: Any, stop: Any) -> Any:
        return self[start:stop]

    def __setslice__(self, start: Any, stop: Any, values: Any) -> None:
        self[start:stop] = values


class SynchronizedString(SynchronizedArray, _stdlib.SynchronizedString):
    """An array of characters and a lock."""

    value = make_property("value")
    raw = make_property("raw")


get_context = context._default_context.get_context
