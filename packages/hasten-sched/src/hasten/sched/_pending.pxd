from cpython.object cimport PyObject, visitproc
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint64_t

from compat cimport hs_mutex

cdef extern from "_agenda.h":
    ctypedef struct hs_record:
        uint64_t sequence
        PyObject *time
        PyObject *priority
        PyObject *action
        PyObject *argument
        PyObject *kwargs
    ctypedef struct hs_records:
        size_t live
    ctypedef struct hs_agenda:
        hs_records records
    hs_record *hs_records_find(const hs_records *r, uint64_t sequence) noexcept nogil
    int hs_records_visit(hs_records *r, visitproc visit, void *arg) noexcept
    void hs_record_incref(const hs_record *record) noexcept
    void hs_record_drop(hs_record *record) noexcept
    int hs_agenda_add(hs_agenda *a, double time, long priority, hs_record record) noexcept nogil
    hs_record *hs_agenda_first(hs_agenda *a) noexcept nogil
    double hs_agenda_first_time(const hs_agenda *a) noexcept nogil
    hs_record hs_agenda_take_first(hs_agenda *a, hs_record *first) noexcept nogil
    hs_record hs_agenda_cancel(hs_agenda *a, hs_record *pending) noexcept nogil
    bint hs_agenda_on_top(const hs_agenda *a, uint64_t sequence) noexcept nogil
    size_t hs_agenda_list(hs_agenda *a, hs_record *into, size_t room) noexcept nogil
    hs_agenda hs_agenda_detach(hs_agenda *a) noexcept nogil
    void hs_agenda_free(hs_agenda *a) noexcept
    uint64_t hs_next_number(uint64_t *numbers) noexcept nogil


cdef class Pending:
    cdef hs_agenda agenda
    cdef uint64_t changed  # counts additions to and removals from the agenda
    cdef object events     # the list that holds the events instead (see _fallback.pyx); else None
    cdef dict newest       # the kwargs of the newest event, if none were given to it; else None
    cdef uint64_t newest_sequence
    cdef hs_mutex guard    # protects every C field here and in the subclasses

    cdef list listed(self, uint64_t *changed)
    cdef dict no_kwargs(self)
    cdef dict shown_kwargs(self, uint64_t sequence)
    cdef dict replace_newest(self, dict kwargs, uint64_t sequence)
    cdef void complete(self, hs_record *record) noexcept


cdef inline object take_over(PyObject *owned):
    """The object of an owned pointer; its reference passes to the result."""
    cdef object result = <object>owned
    Py_DECREF(result)
    return result


cdef inline PyObject *handed_over(object value) noexcept:
    Py_INCREF(value)
    return <PyObject *>value
