# cython: freethreading_compatible=True
"""The public functions and methods are made in private modules, and say that they are the public one's.

Compiled functions also say that they are functions of Python: see function.h.
"""

from function cimport publish_function

PUBLIC = "hasten.futures"


def publish(*functions, module=PUBLIC):
    """Let the functions among these name the public *module* as theirs."""
    for function in functions:
        publish_function(function, module, compiled)


cdef object compiled = type(publish)
