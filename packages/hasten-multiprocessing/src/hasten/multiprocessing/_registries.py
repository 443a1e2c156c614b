"""What the interpreter knows of processes: its own objects, whichever module is used.  The one file for them.

`multiprocessing.process` holds the current process, its parent, the children and the counter that names them;
`multiprocessing.context` holds the default context, the reducers and which Popen is pickling now.  Here our
modules meet them.  A module of ours that shows such a variable forwards it (`forward()`): reading and setting
it there is reading and setting the interpreter's.
"""

from __future__ import annotations

import itertools
import multiprocessing.context as context
import multiprocessing.process as process
import sys
from types import ModuleType

# The parts of the standard library's process that programs replace; what they put there is called.
BOOTSTRAP = process.BaseProcess._bootstrap
DUMP = context.reduction.dump
REDUCTION = context.reduction


def forward(name: str, original: ModuleType, *variables: str) -> None:
    """Let the module *name* have *variables* that are those of the module *original*."""

    def property_of(variable):
        def read(module):
            return getattr(original, variable)

        def write(module, value):
            setattr(original, variable, value)

        def remove(module):
            delattr(original, variable)

        return property(read, write, remove)

    members = {variable: property_of(variable) for variable in variables}
    members["__dir__"] = lambda module: sorted({*vars(module), *variables})
    sys.modules[name].__class__ = type("module", (ModuleType,), members)


def is_replaced(original) -> bool:
    """Whether a program has put something else in the place of BaseProcess's method *original*."""
    return getattr(process.BaseProcess, original.__name__) is not original


def become(child, parent) -> None:
    """This process has just been started: it is *child* from now on, and *parent* has started it."""
    process._process_counter = itertools.count(1)
    process._children = set()
    process._current_process = child
    process._parent_process = parent


def force_start_method(method) -> None:
    """Let *method* be the default start method of this process."""
    context._force_start_method(method)


def set_default(chosen) -> None:
    """Let the context *chosen* be the default as long as none is set."""
    context._default_context._default_context = chosen
