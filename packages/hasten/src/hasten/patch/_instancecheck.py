"""While a module of ours stands for one of the standard library it says that it is that one.

Programs and tools ask a module where it comes from, write the module's name of a class into a pickle or a
log, and compare both with what they know.  The rule is the same for all of them: as long as ``queue`` is
replaced,

* the module has the ``__name__``, ``__file__``, ``__cached__``, ``__package__``, ``__loader__`` and
  ``__spec__`` of the standard library's module, and lacks those that this one lacks.  ``__path__`` stays: by
  it the import system finds our submodules;
* its classes and functions, and the methods of the classes, have the ``__module__`` and ``__qualname__`` of
  the standard library's object of that name.  What only a later Python has says the module's name.  A class
  of C that the standard library has from a module of C (``_queue.SimpleQueue``) is put in place there, too.

A class or function is given no name under which it would not be found: a pickle could not be written.
When the module is put back all of this is as before.
"""

import sys
from types import BuiltinFunctionType, FunctionType, ModuleType

_FIELDS = ("__name__", "__file__", "__cached__", "__package__", "__loader__", "__spec__")
_COMPILED = "cython_function_or_method"  # each compiled module has a type of its own, of this name
_MISSING = object()
_changes: dict = {}  # owner -> [(object, attribute, the value before, the value after)]
_renamers: dict = {}  # class of C -> the function that gives it another module's name
_done: dict = {}  # owner -> modules that have taken their identity, by id


def assume(owner, home, module, original, spec) -> None:
    """Give *module*, of *owner*'s family, the identity of *original*, whose true spec is *spec*; once.

    *home* is the name of the hasten module for *owner*: what belongs to it, and to modules below it, is
    named.
    """
    done = _done.setdefault(owner, {})
    if id(module) in done:
        return
    done[id(module)] = module
    changes = _changes.setdefault(owner, [])
    _name_contents(changes, home, module, original)
    fields = {name: vars(original).get(name, _MISSING) for name in _FIELDS}
    for name, value in {**fields, "__spec__": spec}.items():
        _set(changes, module, name, value)


def add(owner, home, part, names) -> None:
    """Name the classes and functions of *part*, loaded late, that say they are a public module's.

    *names*: the standard library's modules by the names of ours.
    """
    changes = _changes.get(owner)
    for key, value in list(vars(part).items()) if changes is not None else ():
        original = names.get(getattr(value, "__module__", None)) if _belongs(value, home) else None
        theirs = vars(original).get(key) if original is not None else None
        if original is None or theirs is None or id(sys.modules.get(original.__name__)) not in _done[owner]:
            continue
        where = original.__name__
        _set(changes, value, "__module__", where)
        if isinstance(value, type):
            _name_methods(changes, home, value, where)


def again(owner, module) -> None:
    """Repeat what :func:`assume` has set on *module* itself, which importlib.reload() has overwritten."""
    for changed, name, _, after in _changes.get(owner, ()):
        if changed is module:
            _store(module, name, after)


def drop(owner) -> None:
    """Give everything of *owner*'s its own identity back, unless the program has changed it since."""
    _done.pop(owner, None)
    for changed, name, before, after in reversed(_changes.pop(owner, ())):
        now = _own(changed, name)
        if now is after or now == after:
            _store(changed, name, before)


def _own(changed, name):
    if isinstance(changed, ModuleType):
        return vars(changed).get(name, _MISSING)
    return getattr(changed, name, _MISSING)


def _set(changes, changed, name, value):
    before = _own(changed, name)
    if before is value or before == value:
        return
    try:
        _store(changed, name, value)
    except (AttributeError, TypeError):
        return  # a class or function of C has its names for good
    changes.append((changed, name, before, value))


def _store(changed, name, value):
    if name == "__module__" and isinstance(changed, type) and changed in _renamers:
        _renamers[changed](value)
    elif value is _MISSING:
        vars(changed).pop(name, None)
    else:
        setattr(changed, name, value)


def _name_contents(changes, home, module, original):
    named = set()
    # An object that has several names goes by the one it was defined under, if it has that one.
    contents = sorted(vars(module).items(), key=lambda item: getattr(item[1], "__name__", None) != item[0])
    for key, value in contents:
        theirs = vars(original).get(key)
        if id(value) in named or not _belongs(value, home) or (theirs is None and key.startswith("_")):
            continue
        named.add(id(value))
        if theirs is not None and value in vars(module).get("_static_types", ()):
            _name_static(changes, value, vars(module)["_static_types"][value], theirs)
            continue
        if not _is_found(value, theirs, home, original):
            theirs = None
        where = original.__name__ if theirs is None else theirs.__module__
        _set(changes, value, "__module__", where)
        _set(changes, value, "__qualname__", key if theirs is None else theirs.__qualname__)
        if isinstance(value, type):
            _name_methods(changes, home, value, where)


def _name_static(changes, kind, rename, theirs):
    """Name a class of C, and let it be found by that name."""
    _renamers[kind] = rename
    _set(changes, kind, "__module__", theirs.__module__)
    _set(changes, sys.modules[theirs.__module__], theirs.__name__, kind)


def _belongs(value, home) -> bool:
    """Whether *value* is a class or function that was defined in *home* or below it."""
    if not isinstance(value, (type, FunctionType, BuiltinFunctionType)) and type(value).__name__ != _COMPILED:
        return False
    where = getattr(value, "__module__", None)
    return isinstance(where, str) and (where == home or where.startswith(home + "."))


def _is_found(value, theirs, home, original) -> bool:
    """Whether *value* can be looked up by the names of *theirs*, the standard library's object."""
    where = getattr(theirs, "__module__", None)
    name = getattr(theirs, "__qualname__", None)
    if not isinstance(where, str) or not isinstance(name, str):
        return False
    if where == original.__name__:
        return True
    package = original.__name__.rpartition(".")[0]
    if not package or not where.startswith(package + "."):
        return False
    other = sys.modules.get(home + where[len(package) :])
    return vars(other).get(name) is value if other is not None else False


def _name_methods(changes, home, kind, where):
    for base in kind.__mro__:
        if base is kind or _belongs(base, home):
            for member in list(vars(base).values()):
                for function in _functions(member):
                    if _belongs(function, home):
                        _set(changes, function, "__module__", where)


def _functions(member):
    if isinstance(member, property):
        return [part for part in (member.fget, member.fset, member.fdel) if part is not None]
    return [getattr(member, "__func__", member)]
