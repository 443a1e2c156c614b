# cython: freethreading_compatible=True
"""Calls of functions that are pickled as a name of a module: what comes of the name is kept.

Such a call goes as the length of the function's pickle in 4 bytes, that pickle, and that of (args, kwds).

What holds:

- What is kept of a function counts as long as its module still has it under its name, which is looked up for
  every call: a program may put another one there, in the parent or in a worker.  Else the pickler decides.
- Where a program has a ForkingPickler of its own, that one pickles and reads every part of every call.
"""

import sys
from types import FunctionType

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from hasten.multiprocessing._transport._packing cimport pack, unpack
from hasten.multiprocessing._transport._pickler cimport dumps, loads, uses_own_dumps, uses_own_pickles

cdef enum:
    HEAD = 4         # bytes of a length
    WORD = 8         # of the number that a record begins with
    OPENING = 11     # of a pickle: its protocol, and a frame with its size
    MOST_KNOWN = 512


cdef class Name:
    """A function that is known by its name."""

    cdef object function, module, name
    cdef bytes head  # the length of the pickle, and the pickle

    cdef bint holds(self) except -1:
        """Whether the pickler would come to the same."""
        function = self.function
        if function.__module__ is not self.module or function.__qualname__ is not self.name:
            return False
        module = sys.modules.get(self.module)
        return module is not None and getattr(module, self.name, None) is function


cdef Name name_of(function, bytes pickled):
    """None if that is not the pickle of a function by a name of its module."""
    cdef Name found
    cdef bytes module, name
    cdef uint32_t size = <uint32_t>len(pickled)
    if type(function) is not FunctionType or size > 512:
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
    found.head = size.to_bytes(HEAD, "little") + pickled
    return found


cdef class Sender:
    """The parent's: makes pieces of calls, for Reader."""

    cdef dict known  # function -> Name

    def __cinit__(self):
        self.known = {}

    def pieces(self, function, args, kwds):
        """The pieces of a call; None if its function does not go by its name."""
        cdef Name name
        cdef list rest
        if type(function) is not FunctionType or uses_own_dumps():
            return None
        name = self.known.get(function)
        if name is None or not name.holds():
            name = self.look_at(function)
            if name is None:
                return None
        rest = pack((args, kwds), WORD + len(name.head))
        if len(rest) == 1 and type(rest[0]) is bytes and len(<bytes>rest[0]) < 1024:
            return [name.head + <bytes>rest[0]]
        rest.insert(0, name.head)
        return rest

    cdef Name look_at(self, function):
        cdef Name name
        self.known.pop(function, None)
        if "." in function.__qualname__:
            return None
        name = name_of(function, bytes(dumps(function)))
        if name is not None:
            if len(self.known) >= MOST_KNOWN:
                self.known.clear()
            self.known[function] = name
        return name


cdef class Reader:
    """A worker's: makes calls of pieces."""

    cdef dict known  # pickle -> Name

    def __cinit__(self):
        self.known = {}

    def call(self, data):
        """(function, args, kwds); raises what unpickling raises."""
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
            if len(self.known) >= MOST_KNOWN:
                self.known.clear()
            self.known[pickled] = name
        return function
