# cython: freethreading_compatible=True
"""Gives functions and methods defined in private modules the `__module__` of the public one.

It also makes compiled ones look like Python functions: see function.h.
"""

from function cimport publish_function

PUBLIC = "hasten.futures"


def publish(*functions, module=PUBLIC):
    """Set `__module__` of those arguments that are functions to *module*."""
    for function in functions:
        publish_function(function, module, compiled)


cdef object compiled = type(publish)
