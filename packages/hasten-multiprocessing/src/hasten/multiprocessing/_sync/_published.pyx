# cython: freethreading_compatible=True
"""Gives classes defined in private modules the `__module__` of the public one.

It also makes their compiled methods look like Python functions: see function.h.
"""

from function cimport publish_methods

PUBLIC = "hasten.multiprocessing.synchronize"


def published(cls):
    """Class decorator: set `__module__` of the class, its methods and properties to the public module."""
    cls.__module__ = PUBLIC
    publish_methods(cls, PUBLIC, compiled)
    return cls


cdef object compiled = type(published)
