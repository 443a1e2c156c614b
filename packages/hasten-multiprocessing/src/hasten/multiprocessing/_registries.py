"""The interpreter's registries of processes, which both our modules and the standard library's use.

`multiprocessing.process` holds the current process, its parent, the children and their counter;
`multiprocessing.context` holds the default context, the reducer and the Popen that is pickling.  Where a
module of ours has such a variable, it forwards it (`forward()`): reading or setting it reads or sets the
interpreter's.
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

_LONGEST_LOAD = 10.0  # seconds to wait while another thread imports a module of ours


def as_it_was(function, module):
    """*function*, if the standard library's *module* defines it; None if a program has replaced it already.

    functools.wraps() copies a function's names and attributes, but not its globals.
    """
    return function if getattr(function, "__globals__", None) is vars(module) else None


# What programs replace, before this import or after it: what is there when a process is started is called.
BOOTSTRAP = as_it_was(process.BaseProcess._bootstrap, process)
DUMP = as_it_was(context.reduction.dump, context.reduction)
REDUCTION = context.reduction


def _as_it_is(value):
    return value


def forward(
    name: str,
    original: ModuleType,
    *variables: str,
    shown: Callable[[Any], Any] = _as_it_is,
    kept: Callable[[Any], Any] = _as_it_is,
) -> None:
    """Forward *variables* of the module *name* to the module *original*.

    shown, kept: functions that translate a value when it is read and when it is set.
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
    # cloudpickle and dill pickle the modules a function uses, but only exact module objects
    members["__reduce__"] = lambda module: (import_module, (module.__name__,))
    sys.modules[name].__class__ = type("module", (ModuleType,), members)


def rest_of(name: str, original: ModuleType):
    """A `__getattr__` for the module *name* that looks up all other names in the module *original*.

    Programs import and patch private names, too, including modules that *original* has imported.  Modules and
    names of multiprocessing that we have are replaced by ours.
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
    """The result of *pickle*(), a function that pickles objects of ours for a child.  May block.

    Under the launcher, while any thread imports one of our replacing modules, the standard library's names
    temporarily mean its own modules in all threads, and pickle does not find our classes by them.  If
    that makes *pickle* fail, it is called again after the import.
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


def is_bootstrap_replaced() -> bool:
    """Whether a program has replaced the standard library's BaseProcess._bootstrap()."""
    return process.BaseProcess._bootstrap is not BOOTSTRAP


def become(child, parent) -> None:
    """In a new process: set the registries to *child* as the current process and *parent* as its parent."""
    process._process_counter = itertools.count(1)
    process._children = set()
    process._current_process = child
    process._parent_process = parent


def set_default(chosen) -> None:
    """Make *chosen* the context that is used until a start method is set."""
    context._default_context._default_context = chosen
