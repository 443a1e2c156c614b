# cython: freethreading_compatible=True
"""Gives classes and functions defined in private modules the `__module__` of the public one.

It also makes compiled functions look like Python functions: see function.h.
"""

from function cimport publish_function, publish_methods

PUBLIC = "hasten.shared_memory"


def published(cls):
    """Class decorator: set `__module__` of the class, its methods and properties to the public module."""
    cls.__module__ = PUBLIC
    publish_methods(cls, PUBLIC, compiled)
    return cls


def publish_functions(*functions):
    """Set `__module__` of functions to the public module."""
    for function in functions:
        publish_function(function, PUBLIC, compiled)


cdef object compiled = type(published)
