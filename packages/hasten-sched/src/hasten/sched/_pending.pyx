# cython: freethreading_compatible=True
"""The pending events as an object, which takes part in garbage collection.

The agenda keeps the fields of an event, not the named tuple: most callers of enter() drop the one it returns,
and 100,000 pending events are no work for the garbage collector.  `queue` makes equal ones.

Invariant: an event that was entered without kwargs has an empty dict of its own, as soon as anybody can tell.
What a program puts into that dict is passed to the action.  Nearly always nobody looks at it, so only the
newest event has its dict at hand.  When the next event is entered, that event gets the same dict if it is
unseen; otherwise the dict is first stored with the event it belongs to.

Invariant: traversing a Pending visits the references in the C array as well as its Python attributes.  Cython
generates tp_traverse and tp_clear for the attributes alone, and an action that refers to its scheduler would
never be freed: both slots are wrapped below.  (Without a Python attribute the class would have neither.)  As
Cython calls the generated slots of a base class in its own module directly, subclasses are in others.
"""

from cpython.dict cimport PyDict_Size
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.object cimport PyObject, visitproc

from compat cimport hs_mutex_lock, hs_mutex_unlock
from hasten.sched._event cimport event_of


cdef class Pending:
    """Events in an agenda.  `_fallback.Fallback` is built on it."""

    def __dealloc__(self):
        hs_agenda_free(&self.agenda)

    cdef list listed(self, uint64_t *changed):
        """The events in their order, and `changed` at that moment; None if they are in a list."""
        cdef hs_record *records = NULL
        cdef size_t room = 0, count, i
        while True:
            hs_mutex_lock(&self.guard)
            if self.events is not None:
                hs_mutex_unlock(&self.guard)
                PyMem_RawFree(records)
                return None
            count = hs_agenda_list(&self.agenda, records, room)
            if count <= room:
                break
            hs_mutex_unlock(&self.guard)
            PyMem_RawFree(records)
            room = count + count // 8
            records = <hs_record *>PyMem_RawMalloc(room * sizeof(hs_record))
            if records == NULL:
                raise MemoryError(f"no memory for a list of {count} events")
        if changed != NULL:
            changed[0] = self.changed
        for i in range(count):
            hs_record_incref(&records[i])
            self.complete(&records[i])
        hs_mutex_unlock(&self.guard)
        try:
            for i in range(count):
                if records[i].kwargs == NULL:
                    records[i].kwargs = handed_over(self.shown_kwargs(records[i].sequence))
            return [event_of(&records[i]) for i in range(count)]
        finally:
            for i in range(count):
                hs_record_drop(&records[i])
            PyMem_RawFree(records)

    cdef dict no_kwargs(self):
        """An empty dict for the next event, with no other reference to it."""
        hs_mutex_lock(&self.guard)
        last = self.replace_newest(None, 0)
        hs_mutex_unlock(&self.guard)
        return last if last is not None and unseen(last) else {}

    cdef dict replace_newest(self, dict kwargs, uint64_t sequence):
        """Set the newest event's dict and return that of the one before; the guard is held.

        If that dict was seen, it is stored with the event before.
        """
        cdef hs_record *record
        last, self.newest = self.newest, kwargs
        if last is not None and not unseen(last):
            record = hs_records_find(&self.agenda.records, self.newest_sequence)
            if record != NULL and record.kwargs == NULL:
                record.kwargs = handed_over(last)
        self.newest_sequence = sequence
        return last

    cdef void complete(self, hs_record *record) noexcept:
        """Store the dict in the record if it is the newest event's; the guard is held."""
        if record.kwargs == NULL and self.newest is not None and record.sequence == self.newest_sequence:
            record.kwargs = handed_over(self.newest)

    cdef dict shown_kwargs(self, uint64_t sequence):
        """The dict of an event without one; stored with the event if that is still pending."""
        cdef hs_record *record
        fresh = result = {}
        hs_mutex_lock(&self.guard)
        record = hs_records_find(&self.agenda.records, sequence)
        if record != NULL:
            self.complete(record)
            if record.kwargs == NULL:
                record.kwargs = handed_over(fresh)
            result = <dict>record.kwargs
        hs_mutex_unlock(&self.guard)
        return result


cdef bint unseen(dict kwargs) noexcept:
    """Whether the caller has the only reference to this dict, and it is empty."""
    return PyDict_Size(kwargs) == 0 and hs_only_reference(<PyObject *>kwargs)


cdef extern from "_event.h":
    bint hs_only_reference(PyObject *object) noexcept

cdef extern from "Python.h":
    ctypedef int (*traverse_slot "traverseproc")(PyObject *, visitproc, void *) noexcept
    ctypedef int (*clear_slot "inquiry")(PyObject *) noexcept
    ctypedef struct TypeSlots "PyTypeObject":
        traverse_slot tp_traverse
        clear_slot tp_clear

cdef TypeSlots *slots = <TypeSlots *>Pending
cdef traverse_slot traverse_attributes = slots.tp_traverse
cdef clear_slot clear_attributes = slots.tp_clear


cdef int traverse_all(PyObject *self, visitproc visit, void *arg) noexcept:
    cdef int stop = hs_records_visit(&(<Pending>self).agenda.records, visit, arg)
    return stop if stop else traverse_attributes(self, visit, arg)


cdef int clear_all(PyObject *self) noexcept:
    cdef hs_agenda all = hs_agenda_detach(&(<Pending>self).agenda)
    hs_agenda_free(&all)
    return clear_attributes(self)


slots.tp_traverse = traverse_all
slots.tp_clear = clear_all
