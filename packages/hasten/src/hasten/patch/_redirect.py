"""Make ``import queue`` give the very module object ``hasten.queue``, at its first import.

How it works.  A finder at the head of ``sys.meta_path`` sees two kinds of names:

* a name of the standard library that is being replaced (``queue``): its loader imports
  ``hasten.queue`` and returns that object, so ``sys.modules`` holds one object under both names;
* the hasten module itself (``hasten.queue``), whichever way it is reached: its loader is wrapped,
  so that while its body runs ``queue`` means the standard library's module, from which the
  body takes base classes and exceptions.

The wrapper does this by swapping ``sys.modules`` entries: the standard library's module (with
its submodules, for a package) is put in for the time of the load and set aside after it, in
``originals``.  It is loaded past the import system's lock of that name: a thread that imports
``queue`` holds the lock of ``queue`` and waits for the one of ``hasten.queue``, so whoever loads
``hasten.queue`` must not ask for the lock of ``queue``.

Nothing is imported before the program asks for it.  Nothing in here takes a lock of our own.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec

from hasten.patch import _table

active: dict[str, str] = {}  # name in the table -> hasten module; what is replaced now
originals: dict = {}  # full name -> the standard library's module, once there is one
_loading: list[str] = []  # owners whose names mean the standard library's for the moment
_hasten_names = {module: name for name, (module, _) in _table.TABLE.items()}
_after_import: dict = {}  # full name -> called with the module when it has been loaded
_ROOTS = frozenset(name.partition(".")[0] for name in [*_table.TABLE, "hasten"])


class Finder:
    """Finds hasten's modules under the names of the standard library."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        if fullname.partition(".")[0] not in _ROOTS:
            return None
        spec = None
        owner = _table.owner(fullname)
        if owner in active and owner not in _loading:
            return _redirected(fullname, owner, path)
        name = _stdlib_name(fullname)
        if name is not None and _table.owner(name) in active:
            spec = _others(fullname, path)
            if spec is not None and spec.loader is not None:
                spec.loader = _HastenLoader(spec.loader, name)
        elif fullname in _after_import:
            spec = _others(fullname, path)
            if spec is not None:
                spec.loader = _HookedLoader(spec.loader)
        return spec


finder = Finder()


def after_import(fullname, function) -> None:
    """Call *function* with the module *fullname*: now if it is imported, else when it is."""
    module = sys.modules.get(fullname)
    if module is not None:
        function(module)
    else:
        _after_import[fullname] = function


def _others(fullname, path):
    """What the rest of the import system finds for *fullname*."""
    for other in sys.meta_path:
        if other is not finder and hasattr(other, "find_spec"):
            spec = other.find_spec(fullname, path)
            if spec is not None:
                return spec
    return None


def _redirected(fullname, owner, path):
    from importlib.machinery import ModuleSpec

    if fullname == owner:
        mine = originals.get(owner)
        spec = getattr(mine, "__spec__", None) or _others(fullname, path)
        # The program's own queue.py beside its script goes first, as it does without hasten.
        if spec is not None and not _table.in_stdlib(spec):
            return spec
    target = _table.target(fullname)
    if fullname == owner or _exists(target):
        return ModuleSpec(fullname, _AliasLoader(target))
    # A submodule that hasten's package does not have stays the standard library's.
    parent = originals.get(fullname.rpartition(".")[0])
    return _others(fullname, getattr(parent, "__path__", path))


def _exists(module) -> bool:
    if module in sys.modules:
        return True
    parent = import_module(module.rpartition(".")[0])
    return hasattr(parent, "__path__") and _others(module, parent.__path__) is not None


def _stdlib_name(fullname):
    """The standard library's name for the hasten module *fullname*, if it replaces one."""
    if fullname in _hasten_names:
        return _hasten_names[fullname]
    for package in _table.PACKAGES:
        module = _table.TABLE[package][0]
        if fullname.startswith(module + "."):
            return package + fullname[len(module) :]
    return None


class _AliasLoader:
    """Gives an existing module under a second name."""

    def __init__(self, target):
        self.target = target

    def create_module(self, spec):
        module = import_module(self.target)
        self.spec = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = self.spec  # importlib has just put the alias's there


class _Wrapper:
    """Stands before a loader until the module has been loaded; then the module shows only the real one."""

    def __init__(self, loader):
        self.loader = loader

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)


class _HookedLoader(_Wrapper):
    def exec_module(self, module):
        super().exec_module(module)
        _after_import.pop(module.__name__, lambda _: None)(module)


class _HastenLoader(_Wrapper):
    """Loads a hasten module while its standard name means the standard library's module."""

    def __init__(self, loader, name):
        super().__init__(loader)
        self.owner = _table.owner(name)

    def exec_module(self, module):
        owner = self.owner
        if owner in _loading:  # a submodule, imported by its package
            return super().exec_module(module)
        before = _take(owner)
        sys.modules.update(family(owner))
        _loading.append(owner)
        try:
            load_original(owner)
            super().exec_module(module)
        finally:
            _loading.remove(owner)
            originals.update(_take(owner))
            sys.modules.update(before)


def load_original(name):
    """The standard library's module *name*, or None where this Python has none."""
    if name in originals:
        return originals[name]
    parent = name.rpartition(".")[0]
    path = import_module(parent).__path__ if parent else None
    spec = _others(name, path)
    if spec is None:
        return None
    module = module_from_spec(spec)
    # Only a package needs to be found by name while it loads; a plain module stays unseen by other
    # threads until it is whole.
    if spec.submodule_search_locations is not None:
        sys.modules[name] = module
    spec.loader.exec_module(module)
    sys.modules[name] = originals[name] = module
    return module


def family(name) -> dict:
    """The standard library's modules known under *name*: itself and its submodules."""
    return {key: module for key, module in originals.items() if _table.owner(key) == name}


def _take(name) -> dict:
    """Remove *name* and its submodules from sys.modules and return them."""
    return {key: sys.modules.pop(key) for key in list(sys.modules) if _table.owner(key) == name}


def begin(name) -> bool:
    """Replace *name* from now on. True if it had been imported before."""
    found = _take(name)
    if name in found and not _table.in_stdlib(getattr(found[name], "__spec__", None)):
        sys.modules.update(found)  # the program's own module of that name
        found = {}
    originals.update(found)
    active[name] = _table.TABLE[name][0]
    if finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)
    return name in found


def end(name) -> None:
    """Let *name* mean the standard library's module again."""
    del active[name]
    if not active:
        sys.meta_path.remove(finder)
    replaced = {key: module for key, module in _take(name).items() if module.__name__ == key}
    sys.modules.update(replaced)
    sys.modules.update(family(name))
    parent, _, child = name.rpartition(".")
    if parent in sys.modules and name in originals:
        setattr(sys.modules[parent], child, originals[name])
    elif parent in sys.modules:
        vars(sys.modules[parent]).pop(child, None)
