from cpython.object cimport PyObject

# Needs an attached thread state.  A class that uses it:
#
#     cdef hs_state_class states
#
#     @cython.final
#     cdef class EventState:
#         cdef hs_state_slot *slot          # state.h's
#         def __dealloc__(self):
#             hs_state_forget(self.slot, <PyObject *>self)
#
#     cdef EventState probe = EventState.__new__(EventState)
#     hs_state_class_init(&states, "_event_state", probe, &probe.slot)
#
#     cdef inline EventState state_of(event):
#         return <EventState>hs_state_of(&states, event)
#
#     class Event:
#         def __init__(self):
#             hs_state_set(&states, self, EventState())
#         def set(self):
#             state_of(self).raise_flag()
cdef extern from "state.h":
    ctypedef struct hs_state_slot:
        pass
    ctypedef struct hs_state_class:
        pass
    int hs_state_class_init(
        hs_state_class *cls, const char *name, object state, hs_state_slot **slot
    ) except -1
    object hs_state_of(hs_state_class *cls, object obj)
    bint hs_state_exists(hs_state_class *cls, object obj) except -1
    int hs_state_set(hs_state_class *cls, object obj, object state) except -1
    void hs_state_forget(hs_state_slot *own, PyObject *state) noexcept

cdef extern from "Python.h":
    object PyObject_GenericGetDict(object instance, void *context)

cdef inline dict own_fields(instance):
    """The instance's own dictionary, with its state; `__dict__` may be a property (attributes.pxi)."""
    return PyObject_GenericGetDict(instance, NULL)
