# cython: freethreading_compatible=True
"""Patch in place: modules that hold a replaced module, or what it defines, get hasten's instead.

``from queue import Queue`` in a module that was imported earlier has bound a global of that
module to the standard library's class.  Those globals are found by identity and bound anew; a
record of each makes it possible to put them back.  Left alone are

* the namespaces of the replaced modules themselves, and of those that define what they offer
  (``_queue`` for ``queue``): they stay what they were;
* hasten's own modules, which hold the originals on purpose;
* for ``_thread``, every module of the standard library: ``threading`` in particular, once imported,
  keeps track of its threads with the locks and handles of the ``_thread`` it was loaded over;
* anything but classes and functions: equal numbers and strings may be one object by chance.

Instances, base classes, default arguments and attributes of classes are out of reach.
"""

import sys
from _frozen_importlib import _gcd_import as import_module  # as in _redirect

from hasten.patch import _redirect, _table

# As types has them, which a start need not import.
ModuleType, FunctionType, BuiltinFunctionType = type(sys), type(import_module), type(len)


cdef bint _is_definition(value):
    return isinstance(value, (type, FunctionType, BuiltinFunctionType)) and value.__module__ != "builtins"


class Patch:
    """The globals that were bound anew when *name* was replaced."""

    def __init__(self, name):
        self.changes = []  # (namespace, key, the object before, the object after)
        self.modules = []  # names of the modules that were changed
        wanted = _parts(name)
        holders = list(_holders(name, wanted))
        # The hasten module is loaded only if somebody holds what it replaces.
        if holders:
            new = _counterparts(name, wanted)
            for holder, namespace, key, old in holders:
                if id(old) in new:
                    self._bind(holder, namespace, key, old, new[id(old)])

    def _bind(self, holder, namespace, key, old, new):
        namespace[key] = new
        self.changes.append((namespace, key, old, new))
        if holder not in self.modules:
            self.modules.append(holder)

    def undo(self):
        for namespace, key, old, new in self.changes:
            if namespace.get(key) is new:
                namespace[key] = old


cdef dict _parts(name):
    """id -> (full name of the module, attribute or None) for all that *name* offers to others."""
    found = {}
    for fullname, module in _redirect.family(name).items():
        found[id(module)] = (fullname, None)
        namespace = vars(module)
        public = namespace.get("__all__") or [key for key in namespace if not key.startswith("_")]
        for key in public:
            value = namespace.get(key)
            if _is_definition(value):
                found.setdefault(id(value), (fullname, key))
    return found


def _holders(name, wanted):
    """(module's name, its namespace, key, object) for each global that holds one of *wanted*."""
    modules = sys.modules.copy()
    left_alone = {id(module) for module in _redirect.originals.values()}
    left_alone.update(id(module) for key, module in modules.items() if key.partition(".")[0] == "hasten")
    for holder, module in modules.items():
        if not isinstance(module, ModuleType) or id(module) in left_alone:
            continue
        # Past __getattribute__: looking must not load a lazy module.
        namespace = ModuleType.__getattribute__(module, "__dict__")
        if name == "_thread" and _table.in_stdlib(namespace.get("__spec__")):
            continue
        for key, value in namespace.copy().items():
            if id(value) in wanted and getattr(value, "__module__", None) != holder:
                yield holder, namespace, key, value


cdef dict _counterparts(name, wanted):
    """id of the standard library's object -> hasten's object of the same name, where that is another one."""
    new = {}
    for identity, (fullname, key) in wanted.items():
        module = _replacement(fullname, name)
        if module is None:
            continue
        old = _redirect.originals[fullname]
        if key is None:
            new[identity] = module
        elif getattr(module, key, None) not in (None, getattr(old, key)):
            new[identity] = getattr(module, key)
    return new


cdef object _replacement(fullname, owner):
    """hasten's module for *fullname*; None for a submodule that hasten's package does not have."""
    try:
        return import_module(_table.target(fullname))
    except ModuleNotFoundError as error:
        if fullname == owner or error.name != _table.target(fullname):
            raise
        return None
