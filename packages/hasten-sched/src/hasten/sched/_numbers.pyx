# cython: freethreading_compatible=True
"""Which times and priorities can be compared in C with the same result as in Python.

Exact float and int only: a subclass may compare in its own way.
"""

from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check, PyFloat_CheckExact
from cpython.long cimport PyLong_Check, PyLong_CheckExact

cdef extern from "Python.h":
    long PyLong_AsLongAndOverflow(object number, int *overflow) noexcept
    long long PyLong_AsLongLongAndOverflow(object number, int *overflow) noexcept

cdef long long LARGEST = 2 ** 53  # up to here, every int has a double of its own


cdef bint as_double(number, double *value) noexcept:
    cdef int overflow
    cdef long long integer
    if PyFloat_CheckExact(number):
        value[0] = PyFloat_AS_DOUBLE(number)
        return value[0] == value[0]  # a NaN has no place in an order
    if PyLong_CheckExact(number):
        integer = PyLong_AsLongLongAndOverflow(number, &overflow)
        value[0] = <double>integer
        return overflow == 0 and -LARGEST <= integer <= LARGEST
    return False


cdef bint as_long(number, long *value) noexcept:
    cdef int overflow
    if not PyLong_CheckExact(number):
        return False
    value[0] = PyLong_AsLongAndOverflow(number, &overflow)
    return overflow == 0


cdef bint is_real(value) except -1:
    """Whether this is a number of seconds, and not a timedelta for instance."""
    return PyFloat_Check(value) or PyLong_Check(value) or hasattr(value, "__float__")
