# cython: freethreading_compatible=True
"""The public classes and functions are made in private modules, and say that they are the public one's.

Compiled functions also say that they are functions of Python: see function.h.
"""

from function cimport publish_function, publish_methods

PUBLIC = "hasten.shared_memory"


def published(cls):
    """Let the class, its methods and the functions of its properties name the public module as theirs."""
    cls.__module__ = PUBLIC
    publish_methods(cls, PUBLIC, compiled)
    return cls


def publish_functions(*functions):
    """The same for functions."""
    for function in functions:
        publish_function(function, PUBLIC, compiled)


cdef object compiled = type(published)
