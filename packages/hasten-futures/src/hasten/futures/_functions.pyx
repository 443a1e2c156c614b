# cython: freethreading_compatible=True
"""Public functions and methods, which are compiled, count as functions of Python.  function.h tells why."""

from cpython.object cimport PyTypeObject

from function cimport hs_function_adopt

cdef PyTypeObject *function_type = NULL


def become_function(value):
    """Let *value* be an instance of types.FunctionType, if it is a compiled function."""
    hs_function_adopt(&function_type, compiled, value)


cdef object compiled = type(become_function)
