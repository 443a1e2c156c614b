"""In a subinterpreter, hasten.futures provides the standard library's objects.

Compiled modules with global state do not load in subinterpreters, but code that an InterpreterPoolExecutor
runs may import hasten.futures (a function of `__main__` imports its whole script).  So the modules of this
package are the standard library's there, without our additions.

The package imports this module only if its compiled modules could not be loaded.
"""

import sys
from importlib import import_module

PACKAGE = "hasten.futures"
PARTS = ("_base", "thread", "interpreter")


def is_elsewhere():
    try:
        from concurrent import interpreters
    except ImportError:
        return False  # below 3.14 there is no API for this, and only embedding programs make interpreters
    return interpreters.get_current() != interpreters.get_main()


def stand_in():
    for part in PARTS:
        module = sys.modules[f"{PACKAGE}.{part}"] = import_module(f"concurrent.futures.{part}")
        setattr(sys.modules[PACKAGE], part, module)
