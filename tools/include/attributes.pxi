# attributes.pxi: what `vars()` and `__dict__` of an instance show, where the attributes lie in C.
#
# Programs copy `self.__dict__` in `__getstate__()`, take out what cannot be pickled, and update or replace
# `self.__dict__` in `__setstate__()`.  So `__dict__` of our classes has every attribute that an instance of
# the standard library's class keeps there, and what is written to it goes where the attribute lies.  Include
# in the module that defines the class, and after the class:
#
#     show_attributes(Event, "_event_state", ("_cond", "_flag"))
#
# Our own code takes own_fields() (state.pxd), which is the instance's dictionary itself.  Attributes are read
# and set the generic way: __getattribute__() and __setattr__() of a subclass may use `__dict__` themselves.

from cpython.mem cimport PyMem_Malloc
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from state cimport own_fields

cdef extern from "Python.h":
    ctypedef struct hs_getset "PyGetSetDef":
        const char *name
        object (*get)(object, void *)
        int (*set)(object, PyObject *, void *) except -1
        const char *doc
        void *closure
    ctypedef struct TypeWithDictionary "PyTypeObject":
        PyObject *tp_dict
    object PyDescr_NewGetSet(object cls, hs_getset *definition)
    void PyType_Modified(object cls)
    object get_generic "PyObject_GenericGetAttr"(object instance, object name)
    int set_generic "PyObject_GenericSetAttr"(object instance, object name, object value) except -1


class InstanceDictionary(dict):
    """The attributes of an instance.  What is stored or deleted here is set or deleted there.

    Looking up a name gives what the instance has now; iteration, len() and copies what it had when this was made.
    """

    __slots__ = ("instance", "hidden", "names", "own")

    def __init__(self, instance, hidden, names):
        self.instance, self.hidden, self.names, self.own = instance, hidden, names, own_fields(instance)
        super().__init__(self.own)
        if dict.pop(self, hidden, None) is not None:
            for name in names:
                try:
                    super().__setitem__(name, get_generic(instance, name))
                except AttributeError:
                    pass

    def __getitem__(self, name):
        if name in self.names and self.hidden in self.own:
            try:
                return get_generic(self.instance, name)
            except AttributeError:
                raise KeyError(name) from None
        if name == self.hidden:
            raise KeyError(name)
        return self.own[name]

    def __contains__(self, name):
        try:
            self[name]
        except KeyError:
            return False
        return True

    def get(self, name, default=None):
        try:
            return self[name]
        except KeyError:
            return default

    def __setitem__(self, name, value):
        if name in self.names:
            set_generic(self.instance, name, value)
        else:
            self.own[name] = value
        super().__setitem__(name, value)

    def __delitem__(self, name):
        if name not in self.names or name in self.own:
            del self.own[name]
        dict.pop(self, name, None)

    def update(self, *args, **kwargs):
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def __ior__(self, other):
        self.update(other)
        return self

    def setdefault(self, name, default=None):
        if name not in self:
            self[name] = default
        return self[name]

    def pop(self, name, *default):
        try:
            value = self[name]
        except KeyError:
            if not default:
                raise
            return default[0]
        del self[name]
        return value

    def popitem(self):
        name = next(reversed(self), None)
        return super().popitem() if name is None else (name, self.pop(name))

    def clear(self):
        super().clear()
        self.own.clear()

    def __reduce_ex__(self, protocol):
        return dict, (dict(self),)


cdef object shown_dictionary(object instance, void *closure):
    hidden, names, _replace = <object>closure
    return InstanceDictionary(instance, hidden, names)


cdef int replace_dictionary(object instance, PyObject *value, void *closure) except -1:
    """`instance.__dict__ = fields`: attributes that lie in C are set, unless the state itself is among them."""
    hidden, names, replace = <object>closure
    if value == NULL:
        raise TypeError("cannot delete __dict__")
    fields = <object>value
    if type(fields) is InstanceDictionary:
        fields = fields.own
    replace(instance, fields)
    if hidden not in fields:
        for name in names:
            if name in fields:
                set_generic(instance, name, fields[name])
    return 0


cdef int show_attributes(cls, hidden, names) except -1:
    """Give instances of *cls* a `__dict__` without *hidden*, their state in C, and with the attributes *names*.

    A descriptor as the interpreter's own: inspect and typing take any other thing under this name for one that
    hides the attributes of instances.
    """
    cdef hs_getset *definition = <hs_getset *>PyMem_Malloc(sizeof(hs_getset))
    if definition == NULL:
        raise MemoryError()
    # not PyObject_GenericSetDict(): after it attributes that are set are not found (3.13)
    replace = next(vars(base)["__dict__"].__set__ for base in reversed(cls.__mro__) if "__dict__" in vars(base))
    closure = (hidden, names, replace)
    Py_INCREF(closure)  # both live as long as the class, which is for ever
    definition.name, definition.doc = "__dict__", "The attributes of this object."
    definition.get, definition.set, definition.closure = shown_dictionary, replace_dictionary, <void *>closure
    (<dict>(<TypeWithDictionary *>cls).tp_dict)["__dict__"] = PyDescr_NewGetSet(cls, definition)
    PyType_Modified(cls)
    return 0


def attributes_as_state(instance):
    """`__getstate__()`: what object's gives, with the attributes that lie in C."""
    given = object.__getstate__(instance) if hasattr(object, "__getstate__") else None
    fields = dict(instance.__dict__)
    return (fields, given[1]) if type(given) is tuple else fields
