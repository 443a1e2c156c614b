# attributes.pxi: what `vars()` and `__dict__` of an instance show, where the attributes lie in C.
#
# Programs copy `self.__dict__` in `__getstate__()`, take out what cannot be pickled, and update
# `self.__dict__` in `__setstate__()`.  So `__dict__` of our classes has every attribute that an instance of
# the standard library's class keeps there, and what is written to it goes where the attribute lies.  Include
# in the module that defines the class:
#
#     class Event(stdlib):
#         __dict__ = instance_dictionary("_event_state", ("_cond", "_flag"))
#
# Our own code takes own_fields() (state.pxd), which is the instance's dictionary itself.  Attributes are read
# and set the generic way: __getattribute__() and __setattr__() of a subclass may use `__dict__` themselves.

from state cimport own_fields

cdef extern from "Python.h":
    object get_generic "PyObject_GenericGetAttr"(object instance, object name)
    int set_generic "PyObject_GenericSetAttr"(object instance, object name, object value) except -1
    int PyObject_GenericSetDict(object instance, object fields, void *context) except -1


class InstanceDictionary(dict):
    """The attributes of an instance as of now.  What is stored or deleted here is set or deleted there."""

    __slots__ = ("instance", "names", "own")

    def __init__(self, instance, hidden, names):
        own = own_fields(instance)
        super().__init__(own)
        self.instance, self.names, self.own = instance, names, own
        if self.pop_shown(hidden):
            for name in names:
                try:
                    super().__setitem__(name, get_generic(instance, name))
                except AttributeError:
                    pass

    def pop_shown(self, name):
        """Do not show *name*.  True if it was shown."""
        return dict.pop(self, name, None) is not None

    def __missing__(self, name):
        return self.own[name]  # set after this was made

    def __setitem__(self, name, value):
        if name in self.names:
            set_generic(self.instance, name, value)
        else:
            self.own[name] = value
        super().__setitem__(name, value)

    def __delitem__(self, name):
        if name not in self.names or name in self.own:
            del self.own[name]
        super().__delitem__(name)

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
        value = super().pop(name, *default)
        if name in self.own:
            del self.own[name]
        return value

    def popitem(self):
        name = next(reversed(self), None)
        return super().popitem() if name is None else (name, self.pop(name))

    def clear(self):
        super().clear()
        self.own.clear()

    def __reduce_ex__(self, protocol):
        return dict, (dict(self),)


def instance_dictionary(hidden, names):
    """`__dict__` of a class with its C state in the dictionary as *hidden*, and attributes *names* in C."""

    def replace(instance, fields):
        PyObject_GenericSetDict(instance, fields.own if type(fields) is InstanceDictionary else fields, NULL)

    def show(instance):
        return InstanceDictionary(instance, hidden, names)

    return property(show, replace, doc="The attributes of this object.")


def attributes_as_state(instance):
    """`__getstate__()`: what object's gives, with the attributes that lie in C."""
    given = object.__getstate__(instance) if hasattr(object, "__getstate__") else None
    fields = dict(instance.__dict__)
    return (fields, given[1]) if type(given) is tuple else fields
