# attributes.pxi: what `vars()` and `__dict__` of an instance show, where the attributes lie in C.
#
# Programs copy `self.__dict__` in `__getstate__()`, take out what cannot be pickled, and update or replace
# `self.__dict__` in `__setstate__()`.  So `__dict__` of our classes has every attribute that an instance of
# the standard library's class keeps there, and what is written to it goes where the attribute lies.  Include
# in the module that defines the class, and after the class:
#
#     show_attributes(Event, "_event_state", ("_cond", "_flag"))
#
# A class derived from ours and, before it, from another one would get the other's `__dict__`: it is given ours when
# it is made.  In a class derived from several of ours it has the attributes of each of these, also where they come from
# different distributions: our descriptor is known by its documentation, and says in `closure` what it shows.
#
# Our own code takes own_fields() (state.pxd), which is the instance's dictionary itself.  Attributes are read
# and set the generic way: __getattribute__() and __setattr__() of a subclass may use `__dict__` themselves.

from cpython.mem cimport PyMem_Malloc
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from libc.string cimport strcmp
from state cimport own_fields

from types import GetSetDescriptorType

cdef extern from "Python.h":
    ctypedef struct hs_getset "PyGetSetDef":
        const char *name
        object (*get)(object, void *)
        int (*set)(object, PyObject *, void *) except -1
        const char *doc
        void *closure
    ctypedef struct TypeWithDictionary "PyTypeObject":
        PyObject *tp_dict
    ctypedef struct Descriptor "PyGetSetDescrObject":
        hs_getset *d_getset
    object PyDescr_NewGetSet(object cls, hs_getset *definition)
    void PyType_Modified(object cls)
    object get_generic "PyObject_GenericGetAttr"(object instance, object name)
    int set_generic "PyObject_GenericSetAttr"(object instance, object name, object value) except -1


cdef const char *DOCUMENTATION = "The attributes of this object."


cdef object dictionary_class = None


def make_dictionary_class():
    """The class of what `__dict__` gives: made when it is first asked for, as most programs never do."""

    class InstanceDictionary(dict):
        """The attributes of an instance.  What is stored or deleted here is set or deleted there.

        Looking up a name gives what the instance has now; iteration, len() and copies what it had when this was made.
        """

        __slots__ = ("instance", "hidden", "own")

        def __init__(self, instance, shown):
            self.instance, self.own = instance, own_fields(instance)
            self.hidden = {}  # name -> the name of the state, in the own dictionary, in which that attribute lies
            dict.__init__(self, self.own)
            for state, names in shown:
                self.hidden[state] = state
                self.hidden.update(dict.fromkeys(names, state))
                dict.pop(self, state, None)
                if state in self.own:
                    for name in names:
                        try:
                            dict.__setitem__(self, name, get_generic(instance, name))
                        except AttributeError:
                            pass

        def __getitem__(self, name):
            state = self.hidden.get(name)
            if state == name:
                raise KeyError(name)
            if state is not None and state in self.own:
                try:
                    return get_generic(self.instance, name)
                except AttributeError:
                    raise KeyError(name) from None
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
            if name in self.hidden and name != self.hidden[name]:
                set_generic(self.instance, name, value)
            else:
                self.own[name] = value
            dict.__setitem__(self, name, value)

        def __delitem__(self, name):
            if name not in self.hidden or name in self.own:
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
            return dict.popitem(self) if name is None else (name, self.pop(name))

        def clear(self):
            dict.clear(self)
            self.own.clear()

        def __reduce_ex__(self, protocol):
            return dict, (dict(self),)

    InstanceDictionary.__qualname__ = "InstanceDictionary"
    return InstanceDictionary


cdef object shown_dictionary(object instance, void *closure):
    global dictionary_class
    if dictionary_class is None:
        dictionary_class = make_dictionary_class()  # two threads may make two: nobody compares them
    return dictionary_class(instance, shown_by(type(instance)))


cdef list shown_by(cls):
    """What the classes that *cls* is derived from show: (the name of the state, names of attributes) of each."""
    cdef list shown = []
    cdef hs_getset *definition
    for base in reversed(cls.__mro__):
        definition = definition_of(base)
        if definition != NULL:
            shown.append((<object>definition.closure)[:2])
    return shown


cdef int replace_dictionary(object instance, PyObject *value, void *closure) except -1:
    """`instance.__dict__ = fields`: attributes that lie in C are set, unless the state itself is among them."""
    replace = (<object>closure)[2]
    if value == NULL:
        raise TypeError("cannot delete __dict__")
    fields = <object>value
    if type(fields).__name__ == "InstanceDictionary":  # ours, or another distribution's
        fields = fields.own
    elif isinstance(fields, dict) and type(fields) is not dict:
        fields = dict(fields)  # own_fields() are a plain one
    replace(instance, fields)
    for hidden, names in shown_by(type(instance)):
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
    definition.name, definition.doc = "__dict__", DOCUMENTATION
    definition.get, definition.set, definition.closure = shown_dictionary, replace_dictionary, <void *>closure
    put_descriptor(cls, definition)
    cls.__init_subclass__ = classmethod(showing_subclasses(cls))
    return 0


cdef int put_descriptor(cls, hs_getset *definition) except -1:
    (<dict>(<TypeWithDictionary *>cls).tp_dict)["__dict__"] = PyDescr_NewGetSet(cls, definition)
    PyType_Modified(cls)
    return 0


cdef hs_getset *definition_of(cls) except? NULL:
    """What a class itself shows; NULL if it has no `__dict__`, or not ours."""
    cdef hs_getset *definition
    descriptor = vars(cls).get("__dict__")
    if type(descriptor) is not GetSetDescriptorType:
        return NULL
    definition = (<Descriptor *>descriptor).d_getset
    return definition if definition.doc != NULL and strcmp(definition.doc, DOCUMENTATION) == 0 else NULL


def showing_subclasses(cls):
    """`__init_subclass__()` of *cls*: a subclass that gets its `__dict__` from another base is given ours."""
    own = vars(cls).get("__init_subclass__")

    def __init_subclass__(derived, **options):
        if own is None:
            super(cls, derived).__init_subclass__(**options)
        else:
            own.__func__(derived, **options)
        first = next(base for base in derived.__mro__ if "__dict__" in vars(base))
        if definition_of(first) == NULL and type(vars(first)["__dict__"]) is GetSetDescriptorType:
            put_descriptor(derived, definition_of(cls))

    return __init_subclass__


def attributes_as_state(instance):
    """`__getstate__()`: what object's gives, with the attributes that lie in C."""
    given = object.__getstate__(instance) if hasattr(object, "__getstate__") else None
    fields = dict(instance.__dict__)
    return (fields, given[1]) if type(given) is tuple else fields
