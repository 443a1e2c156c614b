# cython: freethreading_compatible=True
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

from cpython.object cimport PyTypeObject
from libc.string cimport strcmp, strrchr

import sys
from _frozen_importlib import _gcd_import

cdef extern from "Python.h":
    PyTypeObject *type_of "Py_TYPE"(object value)
    unsigned long HEAP_TYPE "Py_TPFLAGS_HEAPTYPE"

# As types has them, which a start need not import.
cdef object ModuleType = type(sys), FunctionType = type(_gcd_import), BuiltinFunctionType = type(len)
cdef tuple FIELDS = ("__name__", "__file__", "__cached__", "__package__", "__loader__", "__spec__")
cdef object MISSING = object()
cdef dict changes_of = {}  # owner -> [(object, attribute, the value before, the value after)]
cdef dict renamers = {}  # class of C -> the function that gives it another module's name
cdef dict done_of = {}  # owner -> modules that have taken their identity, by id


def assume(owner, str home, module, original, spec):
    """Give *module*, of *owner*'s family, the identity of *original*, whose true spec is *spec*; once.

    *home* is the name of the hasten module for *owner*: what belongs to it, and to modules below it, is
    named.
    """
    cdef dict done = done_of.setdefault(owner, {})
    cdef dict theirs = vars(original)
    cdef list changes
    if id(module) in done:
        return
    done[id(module)] = module
    changes = changes_of.setdefault(owner, [])
    name_contents(changes, home, module, original)
    for name in FIELDS:
        change(changes, module, name, spec if name == "__spec__" else theirs.get(name, MISSING))


def add(owner, str home, part, dict names):
    """Name the classes and functions of *part*, loaded late, that say they are a public module's.

    *names*: the standard library's modules by the names of ours.
    """
    changes = changes_of.get(owner)
    for key, value in list(vars(part).items()) if changes is not None else ():
        original = names.get(getattr(value, "__module__", None)) if belongs(value, home) else None
        theirs = vars(original).get(key) if original is not None else None
        if original is None or theirs is None:
            continue
        where = original.__name__
        if id(sys.modules.get(where)) in done_of[owner]:
            change(changes, value, "__module__", where)
            if isinstance(value, type):
                name_methods(changes, home, value, where)


def again(owner, module):
    """Repeat what :func:`assume` has set on *module* itself, which importlib.reload() has overwritten."""
    for changed, name, _, after in changes_of.get(owner, ()):
        if changed is module:
            store(module, name, after)


def drop(owner):
    """Give everything of *owner*'s its own identity back, unless the program has changed it since."""
    done_of.pop(owner, None)
    for changed, name, before, after in reversed(changes_of.pop(owner, ())):
        now = own(changed, name)
        if now is after or now == after:
            store(changed, name, before)


cdef object own(changed, name):
    if isinstance(changed, ModuleType):
        return vars(changed).get(name, MISSING)
    return getattr(changed, name, MISSING)


cdef int change(list changes, changed, name, value) except -1:
    before = own(changed, name)
    if before is value or before == value:
        return 0
    try:
        store(changed, name, value)
    except (AttributeError, TypeError):
        return 0  # a class or function of C has its names for good
    changes.append((changed, name, before, value))
    return 0


cdef int store(changed, name, value) except -1:
    if name == "__module__" and isinstance(changed, type) and changed in renamers:
        renamers[changed](value)
    elif value is MISSING:
        vars(changed).pop(name, None)
    else:
        setattr(changed, name, value)
    return 0


cdef int name_contents(list changes, str home, module, original) except -1:
    cdef dict ours = vars(module), theirs = vars(original), static = ours.get("_static_types", {})
    cdef set named = set()
    cdef list contents = [(key, value) for key, value in ours.items() if belongs(value, home)]
    # An object that has several names goes by the one it was defined under, if it has that one.
    contents.sort(key=goes_by_another_name)
    for key, value in contents:
        counterpart = theirs.get(key)
        if id(value) in named or not belongs(value, home) or (counterpart is None and key.startswith("_")):
            continue  # or it is a method of a class that had its turn
        named.add(id(value))
        if counterpart is not None and value in static:
            name_static(changes, value, static[value], counterpart)
            continue
        if not is_found(value, counterpart, home, original):
            counterpart = None
        where = original.__name__ if counterpart is None else counterpart.__module__
        change(changes, value, "__module__", where)
        change(changes, value, "__qualname__", key if counterpart is None else counterpart.__qualname__)
        if isinstance(value, type):
            name_methods(changes, home, value, where)
    return 0


def goes_by_another_name(item):
    return getattr(item[1], "__name__", None) != item[0]


cdef int name_static(list changes, kind, rename, theirs) except -1:
    """Name a class of C, and let it be found by that name."""
    renamers[kind] = rename
    change(changes, kind, "__module__", theirs.__module__)
    change(changes, sys.modules[theirs.__module__], theirs.__name__, kind)
    return 0


cdef bint belongs(value, str home) except -1:
    """Whether *value* is a class or function that was defined in *home* or below it."""
    if not is_definition(value):
        return False
    where = getattr(value, "__module__", None)
    if not isinstance(where, str) or not (<str>where).startswith(home):
        return False
    return len(<str>where) == len(home) or (<str>where)[len(home)] == "."


cdef bint is_definition(value) except -1:
    """Whether it is a class or a function, or has the `__class__` of one, as proxies do."""
    if isinstance(value, type) or type(value) is FunctionType or is_compiled(value):
        return True
    if not type_of(value).tp_flags & HEAP_TYPE:  # a type of C: it is what it is, and that is quickly told
        return type(value) is BuiltinFunctionType
    return isinstance(value, (type, FunctionType, BuiltinFunctionType))


cdef bint is_compiled(value) noexcept:
    """Whether it is a function of Cython's: versions of that have types of their own, of one name."""
    cdef const char *name = type_of(value).tp_name
    cdef const char *last = strrchr(name, b'.')
    return strcmp(name if last == NULL else last + 1, "cython_function_or_method") == 0


cdef bint is_found(value, theirs, str home, original) except -1:
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
    other = sys.modules.get(home + where[len(package):])
    return vars(other).get(name) is value if other is not None else False


cdef int name_methods(list changes, str home, kind, where) except -1:
    for base in kind.__mro__:
        if base is kind or belongs(base, home):
            for member in list(vars(base).values()):
                if isinstance(member, property):
                    for part in (member.fget, member.fset, member.fdel):
                        name_function(changes, home, part, where)
                else:
                    name_function(changes, home, getattr(member, "__func__", member), where)
    return 0


cdef int name_function(list changes, str home, function, where) except -1:
    if belongs(function, home):
        change(changes, function, "__module__", where)
    return 0
