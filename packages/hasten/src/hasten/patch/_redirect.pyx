# cython: freethreading_compatible=True
"""Make ``import queue`` give the very module object ``hasten.queue``, at its first import.

How it works.  Two finders at the head of ``sys.meta_path`` see two kinds of names:

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

Import hooks of programs (wrapt's, ddtrace's) are finders that other packages put before ours; they wait for
a name, most of them for its first import only.  What they are to see is one module for each name, the one
that the program sees: so what that one is made of, the standard library's module and hasten's, is found past
them.

Nothing is imported before the program asks for it.
"""

import _imp
import sys

# What importlib shows, from where it is: importlib imports more than a start may cost.
from _frozen_importlib import BuiltinImporter, FrozenImporter, ModuleSpec, module_from_spec
from _frozen_importlib import _gcd_import as import_module
from _frozen_importlib_external import PathFinder
from _thread import RLock, allocate_lock, get_ident

from hasten.patch import _table

active = {}  # name in the table -> hasten module; what is replaced now
originals = {}  # full name -> the standard library's module, once there is one
_inside = {}  # owner -> threads for which its names mean the standard library's now
_before = {}  # owner -> what sys.modules held for it before that
_specs = {}  # owner -> the real spec of its module, while it shows another one
_identifying = RLock()  # held while a module takes or gives back its identity
_swapping = allocate_lock()  # for the swap alone, never held during an import
_away = allocate_lock()  # held while the names of any owner mean the standard library's
swaps = 0  # how often they have begun to
_hasten_names = {module: name for name, (module, _) in _table.TABLE.items()}
_aliasing = set()  # (thread, full name) of the modules whose hasten module a thread is loading
_identity = None  # hasten.patch._instancecheck, once it is needed
_after_import = {}  # full name -> called with the module when it has been loaded
_LONGEST_LOAD = 10.0  # seconds; whoever waits longer may be what the load waits for
_ROOTS = frozenset(name.partition(".")[0] for name in [*_table.TABLE, "hasten", "gevent", "eventlet"])


_INTERPRETERS = (BuiltinImporter, FrozenImporter, PathFinder)
_BUNDLE_FINDER = "BundleFinder"  # each package of hasten's has one, for its compiled modules (bundle.h)


cdef class Finder:
    """Finds hasten's modules under the names of the standard library.

    It stands directly before the interpreter's own finders: import hooks, whether they were there before the
    launcher or came later, look for the names and get what it finds.
    """

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        if fullname.partition(".")[0] not in _ROOTS:
            return None
        owner = _table.owner(fullname)
        # Another thread than the one that loads hasten.queue now gets hasten.queue, and waits for it.
        if owner in active and get_ident() not in _inside.get(owner, ()):
            return _redirected(fullname, owner, path)
        parent = fullname.rpartition(".")[0]
        package = _table.owner(parent) if owner is not None else None
        if package in active and get_ident() not in _inside.get(package, ()):
            return _alias(fullname, _load_left_over)  # --except multiprocessing.shared_memory
        if owner is None and parent in active and _exists(active[parent] + fullname[len(parent) :]):
            # `from hasten.queue import _x`, late, asks for queue._x: the package says that it is `queue`.
            return _alias(fullname, _load_part)
        return _hooked(fullname, _others(fullname, path)) if fullname in _after_import else None


cdef class PartsFinder:
    """Finds what a replaced module is made of: hasten's, and the standard library's for who loads that one.

    While that is loaded this finder stands before all others.
    """

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        if fullname.partition(".")[0] not in _ROOTS:
            return None
        if fullname.endswith("._bundle"):
            return None  # it is of C, and asks for none of the names
        owner = _table.owner(fullname)
        if owner in active and get_ident() in _inside.get(owner, ()):
            return _found(fullname, path)
        name = _stdlib_name(fullname)
        if name is None or _table.owner(name) not in active:
            return None
        spec = _found(fullname, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _HastenLoader(spec.loader, name)
        return spec


finder = Finder()
parts_finder = PartsFinder()


def _identities():
    """The module that gives and takes identities; the first module that is replaced brings it."""
    global _identity
    if _identity is None:
        bundle = sys.modules.get("hasten.patch._bundle")
        if bundle is not None:
            bundle.load("_instancecheck")
        from hasten.patch import _instancecheck

        _identity = _instancecheck
    return _identity


def _stand_first():
    """Let the finder of parts be the first.

    It is never taken out while others may be searching: they would miss the finder after it.
    """
    if sys.meta_path[0] is not parts_finder:
        sys.meta_path.insert(0, parts_finder)


def after_import(fullname, function):
    """Call *function* with the module *fullname*: now if it is imported, else when it is."""
    module = sys.modules.get(fullname)
    if module is not None:
        function(module)
    else:
        _after_import[fullname] = function


def _found(fullname, path):
    """What the interpreter itself finds for *fullname*; where that is nothing, what others do."""
    for own in list(sys.meta_path):
        if own in _INTERPRETERS or type(own).__name__ == _BUNDLE_FINDER:
            spec = own.find_spec(fullname, path)
            if spec is not None:
                return _hooked(fullname, spec)
    return _hooked(fullname, _others(fullname, path))


def _hooked(fullname, spec):
    """The spec of a part of the standard library, so that who waits for its import is called."""
    if spec is not None and spec.loader is not None and fullname in _after_import:
        spec.loader = _HookedLoader(spec.loader)
    return spec


def _others(fullname, path):
    """What the rest of the import system finds for *fullname*."""
    for other in list(sys.meta_path):
        if other is not finder and other is not parts_finder and hasattr(other, "find_spec"):
            spec = other.find_spec(fullname, path)
            if spec is not None:
                return spec
    return None


def _redirected(fullname, owner, path):
    spec = None
    if fullname == owner:
        spec = _spec_of(fullname) or _others(fullname, path)
        # The program's own queue.py beside its script goes first, as it does without hasten.
        if spec is not None and not _table.in_stdlib(spec):
            return spec
    if fullname == owner:
        return _alias(fullname, _load_hasten, spec)
    if _exists(_table.target(fullname)):
        return _alias(fullname, _load_hasten, _spec_of(fullname))
    parent = originals.get(fullname.rpartition(".")[0])
    if fullname in originals or _others(fullname, getattr(parent, "__path__", path)) is not None:
        return _alias(fullname, _load_left_over)
    return None


def _import_unlocked(name):
    """Import *name* from inside of a find_spec().

    The import system calls that with its global lock held.  A thread that waited with it for another thread's
    module would stop that thread at its next import, and the import system detects no such deadlock.
    """
    held = 0
    try:
        while True:
            _imp.release_lock()
            held += 1
    except RuntimeError:
        pass  # it is not held, or no longer
    try:
        return import_module(name)
    finally:
        for _ in range(held):
            _imp.acquire_lock()


def _exists(module):
    if module in sys.modules:
        return True
    parent = _import_unlocked(module.rpartition(".")[0])
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


def _load_hasten(fullname):
    _stand_first()
    return import_module(_table.target(fullname))


def _load_part(fullname):
    parent, _, child = fullname.rpartition(".")
    _stand_first()
    return import_module(f"{active[parent]}.{child}")


def _spec_of(fullname):
    """The spec of the standard library's module *fullname*, if that is loaded."""
    if fullname in _specs:
        return _specs[fullname]
    return getattr(originals.get(fullname), "__spec__", None)


def _alias(name, load, shown=None):
    """A spec that leads to the module that *load* gives, and says what the spec *shown* says."""
    # Our loaders have no base class: importlib.abc would cost a program's start more than all of this.
    spec = ModuleSpec(name, _AliasLoader(load, getattr(shown, "loader", None)))
    if shown is not None:
        spec.origin, spec.cached, spec.has_location = shown.origin, shown.cached, shown.has_location
        spec.submodule_search_locations = shown.submodule_search_locations
    return spec


class _AliasLoader:
    """Gives an existing module under a second name; for the rest (get_source, ...) it is the *shown*
    loader."""

    def __init__(self, load, shown):
        self.load, self.shown = load, shown
        self.spec = self.path = None

    def __getattr__(self, name):
        return getattr(self.shown, name)

    def create_module(self, spec):
        entry = (get_ident(), spec.name)
        _aliasing.add(entry)
        try:
            module = self.load(spec.name)
        finally:
            _aliasing.discard(entry)
        self.spec, self.path = module.__spec__, getattr(module, "__path__", None)
        return module

    def exec_module(self, module):
        name = module.__spec__.name
        if self.spec is None:  # importlib.reload(): there is nothing that could be loaded anew
            _identities().again(_table.owner(name), module)
            return
        module.__spec__ = self.spec  # importlib has just put the alias's there
        if name in _table.PACKAGES and name in active:
            for part in [key for key in family(name) if key != name]:
                _show_part(part)


def _show_part(name):
    """Import *name*, a part of a replaced package, if hasten's module for it is loaded.

    Who imports the standard library's package has its parts in sys.modules, and hooks see them.
    """
    package = _table.owner(name)
    if package is None:
        return
    ready = sys.modules.get(package) is sys.modules.get(active[package]) is not None
    if ready and _table.target(name) in sys.modules and (get_ident(), name) not in _aliasing:
        import_module(name)


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
        function = _after_import.pop(module.__name__, None)
        if function is not None:  # it may have been found more than once
            function(module)


class _HastenLoader(_Wrapper):
    """Loads a hasten module while its standard name means the standard library's module."""

    def __init__(self, loader, name):
        super().__init__(loader)
        self.owner = _table.owner(name)
        self.name = name

    def exec_module(self, module):
        with _StdlibWorld(self.owner):
            load_original(self.owner)
            super().exec_module(module)
            if self.name != self.owner and _found_in(self.name, self.owner):
                load_original(self.name)
        with _identifying:
            if self.owner not in active:
                return
            _identify(self.name)
            if self.name not in originals:
                names = {_table.target(name): original for name, original in family(self.owner).items()}
                _identities().add(self.owner, active[self.owner], module, names)
            # Who loads a part of the package on the way (managers.py, this one) leaves it to the standard
            # library's package, which the import system sees then.
            package, _, child = self.name.rpartition(".")
            if self.name == self.owner and package in active and active[package] in sys.modules:
                vars(sys.modules[active[package]]).setdefault(child, module)
        for name in list(family(self.owner)):  # what it has imported, too
            if name != self.owner and name not in sys.modules:
                _show_part(name)


def _found_in(fullname, owner):
    """Whether the standard library's package *owner* has the submodule *fullname*.  Called in its world.

    Finders are not asked for what is in a folder that only ours has: they may import the folder first.
    """
    if fullname in originals or fullname in sys.modules:
        return True
    folder = fullname.rpartition(".")[0]
    if folder != owner and not _found_in(folder, owner):
        return False
    return _found(fullname, getattr(originals[owner], "__path__", ())) is not None


def _identify(name):
    """Have hasten's module for *name*, which is loaded, say that it is the standard library's."""
    owner = _table.owner(name) or name
    module, original = sys.modules.get(_table.target(name)), originals.get(name)
    if module is not None and original is not None and module is not original:
        _identities().assume(owner, active[owner], module, original, _spec_of(name))


cdef class _StdlibWorld:
    """For a while *owner* and its submodules are the standard library's in sys.modules.

    So is the package that *owner* is a part of, for multiprocessing.shared_memory imports its siblings.
    Loads of submodules nest, and may overlap with those of other threads: the last one out swaps back.
    """

    cdef list owners

    def __init__(self, owner):
        package = _table.owner(owner.rpartition(".")[0])
        self.owners = [owner, package] if package in active else [owner]

    def __enter__(self):
        global swaps
        with _swapping:
            _stand_first()
            if not any(_inside.values()):
                _away.acquire()
                swaps += 1
            for owner in self.owners:
                if not _inside.get(owner):
                    _before[owner] = _take(owner)
                    for key, module in family(owner).items():
                        _show(key, module)
                _inside.setdefault(owner, []).append(get_ident())

    def __exit__(self, *exc_info):
        with _swapping:
            for owner in self.owners:
                _inside[owner].remove(get_ident())
                if not _inside[owner]:
                    originals.update(_take(owner))
                    sys.modules.update(_before.pop(owner))
                    if owner in _specs:
                        originals[owner].__spec__ = _specs.pop(owner)
            if not any(_inside.values()):
                _away.release()


def wait_for_names(timeout):
    """Wait until the names mean hasten's modules again.  Blocks, at most *timeout* seconds.

    Not in a thread that loads one itself: nobody else would end that.
    """
    if not any(get_ident() in threads for threads in _inside.values()) and _away.acquire(timeout=timeout):
        _away.release()


def _show(name, module):
    """Put the standard library's *module* into sys.modules for the thread that loads hasten's.

    importlib, when it has asked the finders in another thread, takes the spec of what it then sees under
    that name.  So for the time being that spec leads to hasten's module: loading it waits for this thread.
    A package needs its own spec for its relative imports.
    """
    if name in _table.TABLE and name not in _table.PACKAGES:
        _specs.setdefault(name, module.__spec__)
        module.__spec__ = _alias(name, _load_hasten)
    sys.modules[name] = module


def load_original(name):
    """The standard library's module *name*, or None where this Python has none."""
    if name in originals:
        return originals[name]
    owner = _table.owner(name)
    if name in sys.modules and owner is not None and get_ident() in _inside.get(owner, ()):
        # The package imported this part while it was loaded.  A second copy would have classes of its own.
        originals[name] = sys.modules[name]
        return originals[name]
    parent, _, child = name.rpartition(".")
    package = None
    if parent:
        package = load_original(parent) if _table.owner(parent) in active else import_module(parent)
    spec = _found(name, getattr(package, "__path__", None))
    if spec is None:
        return None
    module = module_from_spec(spec)
    # Packages find their parts by name while they load.  A plain module stays unseen by other
    # threads until it is whole.
    if spec.submodule_search_locations is not None or package is not None:
        sys.modules[name] = module
    spec.loader.exec_module(module)
    originals[name] = module
    if name in _table.PACKAGES:
        _guard_late_names(name, module)
    _show(name, module)
    if package is not None:
        setattr(package, child, module)
    return module


def _guard_late_names(package, module):
    """Let threads that see the standard library's *package*, as another one is loading a part of ours, wait.

    What it imports when it is asked for (ThreadPoolExecutor) would be the standard library's for them.
    """
    late = vars(module).get("__getattr__")
    if late is None:
        return

    def __getattr__(name):
        if package in active and get_ident() not in _inside.get(package, ()):
            wait_for_names(_LONGEST_LOAD)
            ours = sys.modules.get(package)
            if ours is not None and ours is not module:
                return getattr(ours, name)
        return late(name)

    __getattr__.__module__, __getattr__.__qualname__ = late.__module__, late.__qualname__
    vars(module)["__getattr__"] = __getattr__


def _load_left_over(name):
    """Load the submodule *name* that is not to be replaced: the standard library's, in its own world."""
    owner = _table.owner(name)
    with _StdlibWorld(owner if owner in active else _table.owner(name.rpartition(".")[0])):
        return load_original(name)


def family(owner):
    """The standard library's modules that belong to *owner*: itself and its submodules."""
    return {key: module for key, module in originals.items() if _table.owner(key) == owner}


def _take(owner):
    """Remove *owner* and its submodules from sys.modules and return them."""
    keys = [owner]
    if owner in _table.PACKAGES:
        below = [key for key in list(sys.modules) if key.startswith(owner + ".")]
        keys += [key for key in below if _table.owner(key) == owner]
    taken = {key: sys.modules.pop(key, None) for key in keys}
    return {key: module for key, module in taken.items() if module is not None}


def begin(name):
    """Replace *name* from now on. True if it had been imported before."""
    found = _take(name)
    if name in found and not _table.in_stdlib(getattr(found[name], "__spec__", None)):
        sys.modules.update(found)  # the program's own module of that name
        found = {}
    originals.update(found)
    active[name] = _table.TABLE[name][0]
    if finder not in sys.meta_path:
        places = [place for place, other in enumerate(sys.meta_path) if other in _INTERPRETERS]
        sys.meta_path.insert(places[0] if places else 0, finder)
    _stand_first()
    with _identifying:
        for key in family(name):
            _identify(key)
    return name in found


def end(name):
    """Let *name* mean the standard library's module again."""
    with _identifying:
        del active[name]
        _identities().drop(name)
    if not active:
        sys.meta_path[:] = [other for other in sys.meta_path if other not in (finder, parts_finder)]
    mine = family(name)
    # Overwritten, never missing: importlib, ending an import in another thread, relies on the entry.
    sys.modules.update(mine)
    for key in list(sys.modules):
        if key not in mine and (_table.owner(key) == name or key.startswith(name + ".")):
            sys.modules.pop(key, None)
    parent, _, child = name.rpartition(".")
    if parent in sys.modules and name in originals:
        setattr(sys.modules[parent], child, originals[name])
    elif parent in sys.modules:
        vars(sys.modules[parent]).pop(child, None)
