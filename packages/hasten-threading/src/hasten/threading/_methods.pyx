# cython: freethreading_compatible=True
"""own_methods(): why calls of our public classes are as fast as those of a class written in C.

CPython 3.11+ specialises the call of a method that is written in C only if the object's class is the very one
that the method was made for, not a subclass.  Our public classes are subclasses of the compiled ones.
"""

from cpython.object cimport PyTypeObject

from compat cimport hs_method_of

cdef object method_descriptor = type(str.join)


def own_methods(public, *compiled):
    """Give the class *public* the methods of the compiled classes, its bases, as methods of its own."""
    for cls in compiled:
        for name, method in vars(cls).items():
            if type(method) is method_descriptor and name not in vars(public):
                setattr(public, name, hs_method_of(<PyTypeObject *>public, method))
