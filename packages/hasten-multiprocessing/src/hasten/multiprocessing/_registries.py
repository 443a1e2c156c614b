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
from importlib import import_module
from pickle import PicklingError
from types import ModuleType

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# The parts of the standard library's process that programs replace; what they put there is called.
BOOTSTRAP = process.BaseProcess._bootstrap
DUMP = context.reduction.dump
REDUCTION = context.reduction
_LONGEST_LOAD = 10.0  # seconds that a module of ours may take to be loaded


def _as_it_is(value):
    return value


def forward(
    name: str,
    original: ModuleType,
    *variables: str,
    shown: Callable[[Any], Any] = _as_it_is,
    kept: Callable[[Any], Any] = _as_it_is,
) -> None:
    """Let the module *name* have *variables* that are those of the module *original*.

    shown, kept: what of a value there is to be read here, and what of a value that is set here is to be kept
    there.
    """

    def property_of(variable):
        def read(module):
            return shown(getattr(original, variable))

        def write(module, value):
            setattr(original, variable, kept(value))

        def remove(module):
            delattr(original, variable)

        return property(read, write, remove)

    members = {variable: property_of(variable) for variable in variables}
    members["__dir__"] = lambda module: sorted({*vars(module), *variables})
    # cloudpickle and dill pickle a function with the modules that it uses, and know of plain modules only.
    members["__reduce__"] = lambda module: (import_module, (module.__name__,))
    sys.modules[name].__class__ = type("module", (ModuleType,), members)


def rest_of(name: str, original: ModuleType):
    """The `__getattr__` of the module *name*, which gives it all other names of the module *original*.

    Programs import and patch more than what is public there, modules that it has imported included.  What
    we have of multiprocessing is ours under such a name, too.
    """

    def __getattr__(attribute):
        if attribute.startswith("__") or not hasattr(original, attribute):
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        value = getattr(original, attribute)
        if isinstance(value, ModuleType) and value.__name__.startswith("multiprocessing."):
            return import_module(f"hasten.{value.__name__}")
        package = import_module("hasten.multiprocessing")
        return getattr(package, attribute) if attribute in package.__all__ else value

    return __getattr__


def with_our_names(pickle):
    """What *pickle*() gives, which pickles objects of ours for a child.  Blocks.

    While a thread loads a module of ours that stands in for the standard library's, the names of these mean
    the standard library's own in all threads, and pickle does not find our classes by them: then it is done
    again when that is over.
    """
    redirect = sys.modules.get("hasten.patch._redirect")
    swaps, quiet = (redirect.swaps, not redirect._away.locked()) if redirect is not None else (0, True)
    try:
        return pickle()
    except PicklingError:
        if redirect is None or (quiet and redirect.swaps == swaps):
            raise
    redirect.wait_for_names(_LONGEST_LOAD)
    return pickle()


def is_replaced(original) -> bool:
    """Whether a program has put something else in the place of BaseProcess's method *original*."""
    return getattr(process.BaseProcess, original.__name__) is not original


def become(child, parent) -> None:
    """This process has just been started: it is *child* from now on, and *parent* has started it."""
    process._process_counter = itertools.count(1)
    process._children = set()
    process._current_process = child
    process._parent_process = parent


def set_default(chosen) -> None:
    """Let the context *chosen* be the default as long as none is set."""
    context._default_context._default_context = chosen
