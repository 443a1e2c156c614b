# cython: freethreading_compatible=True
"""local: attributes whose values are per thread.

The values of a thread that runs inside start() are in `of_threads`, under its number, until it ends.  Those
of real threads are in a local of the interpreter's.
"""

import weakref

cimport cython
from cpython.object cimport PyTypeObject
from cpython.ref cimport PyObject

from compat cimport hs_type_rename

from hasten._dummy_thread._interpreter import _local
from hasten._dummy_thread._threads import at_thread_end, get_ident, is_inside

cdef extern from "Python.h":
    object _PyObject_GenericGetAttrWithDict(object thing, object name, object values, int suppress)
    int _PyObject_GenericSetAttrWithDict(object thing, object name, PyObject *value, object values) except -1


@cython.final
cdef class Forget:
    """Drops the values of a thread; called when it ends."""
    cdef object ref
    cdef object ident

    def __call__(self):
        cdef local home = self.ref()
        if home is not None:
            home.of_threads.pop(self.ident, None)


cdef class local:
    """_local()
--

    An object whose attributes have separate values in each thread.

    The __init__ of a subclass is called in each thread that uses the object, with the same arguments.
    """
    cdef dict of_threads
    cdef object outside
    cdef tuple args
    cdef dict kwargs
    cdef object __weakref__

    def __cinit__(self, *args, **kwargs):
        if (args or kwargs) and type(self).__init__ is object.__init__:
            raise TypeError("Initialization arguments are not supported")
        self.of_threads = {}
        self.outside = _local()
        self.args = args
        self.kwargs = kwargs
        self.make_values()

    cdef dict make_values(self):
        cdef dict values = {}
        if is_inside():
            forget = Forget()
            (<Forget>forget).ref = weakref.ref(self)
            (<Forget>forget).ident = get_ident()
            self.of_threads[(<Forget>forget).ident] = values
            at_thread_end(forget)
        else:
            self.outside.values = values
        return values

    cdef int drop_values(self) except -1:
        if is_inside():
            del self.of_threads[get_ident()]
        else:
            del self.outside.values
        return 0

    cdef dict values(self):
        """The values of the calling thread; made, and __init__ called, at its first use of the object."""
        values = self.of_threads.get(get_ident()) if is_inside() else getattr(self.outside, "values", None)
        if values is None:
            values = self.make_values()
            if type(self).__init__ is not object.__init__:
                try:
                    type(self).__init__(self, *self.args, **self.kwargs)
                except BaseException:
                    self.drop_values()
                    raise
        return values

    def __getattribute__(self, name):
        values = self.values()
        return values if name == "__dict__" else _PyObject_GenericGetAttrWithDict(self, name, values, 0)

    cdef int change(self, object name, PyObject *value) except -1:
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        _PyObject_GenericSetAttrWithDict(self, name, value, self.values())
        return 0

    def __setattr__(self, name, value):
        self.change(name, <PyObject *>value)

    def __delattr__(self, name):
        self.change(name, NULL)


hs_type_rename(<PyTypeObject *>local, b"hasten._dummy_thread._local")
