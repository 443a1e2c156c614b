# cython: freethreading_compatible=True
"""Gives classes and functions that are defined in private modules the public module's name.

Compiled functions also pass for functions of Python: see function.h.
"""

from function cimport publish_function, publish_methods

PUBLIC = "hasten.dummy_threading"


def published(cls):
    """Set the public module's name in the class, its methods and the functions of its properties."""
    cls.__module__ = PUBLIC
    publish_methods(cls, PUBLIC, compiled)
    return cls


def publish_functions(*functions):
    """The same for functions."""
    for function in functions:
        publish_function(function, PUBLIC, compiled)


cdef object compiled = type(published)
