# cython: freethreading_compatible=True
"""Calls sent as two pickles, of the function and of its arguments, with a cache for functions pickled by
name.

The record of such a call is the length of the function's pickle in 4 bytes, that pickle, and the pickle of
(args, kwds).  A function that is pickled as a name in a module is pickled, and looked up, once.

Invariants:

- A cache entry is valid only while the module has the same function under that name.  That is checked for
  every call, since a program may replace it, in the parent or in a worker; otherwise the function is pickled
  anew.
- If a program has a ForkingPickler of its own, that pickles and unpickles every part of every call.
"""

import sys
from types import BuiltinFunctionType, FunctionType

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from hasten.multiprocessing._transport._packing cimport unpack
from hasten.multiprocessing._transport._pickler cimport loads, uses_own_dumps, uses_own_pickles

cdef enum:
    HEAD = 4         # bytes of a length
    WORD = 8         # of the number that a record begins with
    OPENING = 11     # bytes of a pickle's opcodes PROTO and FRAME
    MOST_KNOWN = 512


cdef class Name:
    """A cache entry: a function that is pickled by name."""

    cdef object function, module, name
    cdef bytes head  # the length of the pickle, and the pickle

    cdef bint holds(self) except -1:
        """Whether the entry is still valid: the module has this function under this name."""
        function = self.function
        if function.__module__ is not self.module or function.__qualname__ is not self.name:
            return False
        module = sys.modules.get(self.module)
        return module is not None and getattr(module, self.name, None) is function


cdef inline bint is_function(value):
    kind = type(value)
    return kind is FunctionType or kind is BuiltinFunctionType


cdef Name name_of(function, bytes pickled):
    """The cache entry of a function; None if *pickled* is not just its module and name."""
    cdef Name found
    cdef bytes module, name
    cdef uint32_t size = <uint32_t>len(pickled)
    if not is_function(function) or size > 512:
        return None
    try:
        module, name = function.__module__.encode(), function.__qualname__.encode()
    except (AttributeError, UnicodeError):
        return None
    if len(module) > 255 or len(name) > 255 or b"." in name:
        return None
    tail = b"\x8c%c%s\x94\x8c%c%s\x94\x93\x94." % (len(module), module, len(name), name)
    if len(pickled) != OPENING + len(tail) or not pickled.endswith(tail):
        return None
    found = Name.__new__(Name)
    found.function, found.module, found.name = function, function.__module__, function.__qualname__
    found.head = head_of(pickled)
    return found


cdef bytes head_of(bytes pickled):
    """The first part of a call's record: the length of the function's pickle, and the pickle."""
    return len(pickled).to_bytes(HEAD, "little") + pickled


cdef int keep(dict known, key, Name name) except -1:
    if len(known) >= MOST_KNOWN:
        known.clear()
    known[key] = name
    return 0


cdef class Sender:
    """In the parent: turns calls into pieces, for Reader.

    pickled(function) makes a pickle; packed((args, kwds), offset) makes pieces, for unpack() of _packing.pyx.
    """

    cdef object pickled, packed
    cdef dict known  # function -> Name

    def __init__(self, pickled, packed):
        self.pickled, self.packed, self.known = pickled, packed, {}

    def pieces(self, function, args, kwds):
        """The pieces of a call; raises the errors of pickling."""
        cdef bytes pickled
        cdef Name name = self.known_as(function)
        if name is not None:
            return self.record(name.head, args, kwds)
        pickled = bytes(self.pickled(function))
        self.learn(function, pickled)
        return self.record(head_of(pickled), args, kwds)

    def pieces_if_named(self, function, args, kwds):
        """The pieces of a call; None if the function is not pickled by name."""
        cdef Name name = self.known_as(function)
        if name is None:
            if not is_function(function) or uses_own_dumps() or "." in function.__qualname__:
                return None
            name = self.learn(function, bytes(self.pickled(function)))
        return None if name is None else self.record(name.head, args, kwds)

    cdef list record(self, bytes head, args, kwds):
        cdef list rest = self.packed((args, kwds), WORD + len(head))
        if len(rest) == 1 and type(rest[0]) is bytes and len(<bytes>rest[0]) < 1024:
            return [head + <bytes>rest[0]]
        rest.insert(0, head)
        return rest

    cdef Name known_as(self, function):
        """The function's valid cache entry, or None."""
        cdef Name name
        if not is_function(function) or uses_own_dumps():
            return None
        name = self.known.get(function)
        if name is None or name.holds():
            return name
        self.known.pop(function, None)
        return None

    cdef Name learn(self, function, bytes pickled):
        """Cache a function that is pickled by name; the entry, or None if it is not."""
        cdef Name name = name_of(function, pickled)
        if name is not None:
            keep(self.known, function, name)
        return name


cdef class Reader:
    """In a worker: turns records into calls."""

    cdef dict known  # pickle -> Name

    def __cinit__(self):
        self.known = {}

    def call(self, data):
        """(function, args, kwds); raises the errors of unpickling."""
        cdef Py_ssize_t end
        cdef uint32_t size
        cdef object rest
        if type(data) is bytes:
            if PyBytes_GET_SIZE(data) < HEAD:
                raise ValueError("a call without its function")
            memcpy(&size, PyBytes_AS_STRING(data), HEAD)
            end = HEAD + <Py_ssize_t>size
            if PyBytes_GET_SIZE(data) < end:
                raise ValueError("a call without its arguments")
            pickled = PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + HEAD, size)
            rest = PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + end, PyBytes_GET_SIZE(data) - end)
        else:
            view = memoryview(data)
            end = HEAD + int.from_bytes(view[:HEAD], "little")
            pickled, rest = bytes(view[HEAD:end]), view[end:]
        function = self.function_of(pickled)
        args, kwds = unpack(rest, WORD + end)
        return function, args, kwds

    cdef object function_of(self, bytes pickled):
        cdef Name name
        if uses_own_pickles():
            return loads(pickled)
        name = self.known.get(pickled)
        if name is not None and name.holds():
            return name.function
        function = loads(pickled)
        name = name_of(function, pickled)
        if name is not None:
            keep(self.known, pickled, name)
        return function
