# cython: freethreading_compatible=True
"""The public classes and functions are made in private modules, and say that they are the public one's.

Compiled functions also say that they are functions of Python: see function.h.
"""

from cpython.object cimport PyTypeObject

from function cimport hs_function_adopt

cdef PyTypeObject *function_type = NULL

PUBLIC = "hasten.shared_memory"


def published(cls):
    """Let the class, its methods and the functions of its properties name the public module as theirs."""
    cls.__module__ = PUBLIC
    for value in vars(cls).values():
        publish_functions(*((value.fget, value.fset) if isinstance(value, property) else (value,)))
    return cls


def publish_functions(*functions):
    """The same for functions; compiled ones get `__type_params__`, which those of Python have."""
    for function in functions:
        if hasattr(function, "__code__"):
            function.__module__ = PUBLIC
            if not hasattr(function, "__type_params__"):
                function.__type_params__ = ()
            hs_function_adopt(&function_type, compiled, function)


cdef object compiled = type(published)
