"""In another interpreter than the main one, hasten.futures gives the standard library's objects.

Compiled modules with global state do not load there, and what an InterpreterPoolExecutor runs may well
import hasten.futures: a function of `__main__` brings its whole script along.  So the parts of this
package are the parts of the standard library's there, without our additions.

The package imports this module only where its compiled modules could not be loaded.
"""

import sys
from importlib import import_module

PACKAGE = "hasten.futures"
PARTS = ("_base", "thread", "interpreter")


def is_elsewhere():
    try:
        from concurrent import interpreters
    except ImportError:
        return False  # below 3.14 nothing tells, and nothing starts interpreters but what embeds Python
    return interpreters.get_current() != interpreters.get_main()


def stand_in():
    for part in PARTS:
        module = sys.modules[f"{PACKAGE}.{part}"] = import_module(f"concurrent.futures.{part}")
        setattr(sys.modules[PACKAGE], part, module)
