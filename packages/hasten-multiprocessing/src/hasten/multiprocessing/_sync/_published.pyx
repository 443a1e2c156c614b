# cython: freethreading_compatible=True
"""The public classes are made in private modules, and say that they are the public one's.

Compiled functions also say that they are functions of Python: see function.h.
"""

from function cimport publish_methods

PUBLIC = "hasten.multiprocessing.synchronize"


def published(cls):
    """Let the class, its methods and the functions of its properties name the public module as theirs."""
    cls.__module__ = PUBLIC
    publish_methods(cls, PUBLIC, compiled)
    return cls


cdef object compiled = type(published)
