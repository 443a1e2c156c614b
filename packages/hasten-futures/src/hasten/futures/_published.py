"""The public functions and methods are made in private modules, and say that they are the public one's."""

from hasten.futures._functions import become_function

PUBLIC = "hasten.futures"


def publish(*functions, module=PUBLIC):
    """Let the functions among these name the public *module* as theirs, and count as functions of Python.

    Compiled ones get the attribute `__type_params__`, as those of Python have it from 3.12 on.
    """
    for function in functions:
        if hasattr(function, "__code__"):
            become_function(function)
            function.__module__ = module
            if not hasattr(function, "__type_params__"):
                function.__type_params__ = ()
