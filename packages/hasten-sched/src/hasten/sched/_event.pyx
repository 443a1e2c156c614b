# cython: freethreading_compatible=True
"""The named tuple that users see, the record that the agenda keeps, and what of it C can compare."""

from cpython.dict cimport PyDict_CheckExact, PyDict_Size
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_CheckExact
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_DECREF
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_SIZE
from libc.stdint cimport uint64_t

from hasten.sched._event_class import Event, spread
from hasten.sched._pending cimport hs_record, take_over

cdef extern from "Python.h":
    long PyLong_AsLongAndOverflow(object number, int *overflow) noexcept
    long long PyLong_AsLongLongAndOverflow(object number, int *overflow) noexcept
    object call_with_tuple "PyObject_Call"(object function, tuple arguments, PyObject *kwargs)
    PyObject *tuple_item "PyTuple_GET_ITEM"(object items, Py_ssize_t i) noexcept

cdef extern from "_event.h":
    object hs_namedtuple(PyTypeObject *type, PyObject **items, Py_ssize_t count)

cdef object EventClass = Event
cdef PyTypeObject *EventType = <PyTypeObject *>Event
cdef long long LARGEST = 2 ** 53  # every int up to this is a double exactly


cdef object new_event(time, priority, uint64_t sequence, action, argument, kwargs):
    """Event(...), without the Python code of a named tuple."""
    cdef object number = sequence
    cdef PyObject *fields[6]
    fields[0], fields[1], fields[2] = <PyObject *>time, <PyObject *>priority, <PyObject *>number
    fields[3], fields[4], fields[5] = <PyObject *>action, <PyObject *>argument, <PyObject *>kwargs
    return hs_namedtuple(EventType, fields, 6)


cdef object event_of(hs_record *record):
    return new_event(<object>record.time, <object>record.priority, record.sequence, <object>record.action,
                     <object>record.argument, <object>record.kwargs)


cdef void point_into(event, hs_record *record) noexcept:
    """Set all fields but the sequence number, to borrowed references to the objects in *event*."""
    record.time = tuple_item(event, 0)
    record.priority = tuple_item(event, 1)
    record.action = tuple_item(event, 3)
    record.argument = tuple_item(event, 4)
    record.kwargs = tuple_item(event, 5)


cdef bint same_objects(hs_record *record, event) noexcept:
    return (record.time == tuple_item(event, 0) and record.priority == tuple_item(event, 1)
            and record.action == tuple_item(event, 3) and record.argument == tuple_item(event, 4)
            and record.kwargs == tuple_item(event, 5))


cdef bint sequence_of(event, uint64_t *sequence) except -1:
    """Get the number of *event*; False if an event of another number may be equal to it.

    Such an object is not exactly an event or a tuple, or its number is no int.
    """
    if not (type(event) is EventClass or PyTuple_CheckExact(event)) or PyTuple_GET_SIZE(event) != 6:
        return False
    number = event[2]
    if not PyLong_CheckExact(number) or not 0 <= number < 1 << 64:
        return False
    sequence[0] = number
    return True


cdef int perform(hs_record *due) except -1:
    """Call the action of a record that no other thread can reach; consumes its references."""
    Py_DECREF(<object>due.time)
    Py_DECREF(<object>due.priority)
    action, argument = take_over(due.action), take_over(due.argument)
    kwargs = None if due.kwargs == NULL else take_over(due.kwargs)
    cdef bint no_kwargs = due.kwargs == NULL or (PyDict_CheckExact(kwargs) and PyDict_Size(kwargs) == 0)
    if no_kwargs and PyTuple_CheckExact(argument):
        call_with_tuple(action, argument, NULL)
    else:
        spread(action, argument, {} if no_kwargs else kwargs)
    return 0


# ---- times and priorities that C compares with the same result as Python ----
# Exact float and int only: a subclass may override comparison.

cdef bint as_double(number, double *value) noexcept:
    cdef int overflow
    cdef long long integer
    if PyFloat_CheckExact(number):
        value[0] = PyFloat_AS_DOUBLE(number)
        return value[0] == value[0]  # a NaN cannot be ordered
    if PyLong_CheckExact(number):
        integer = PyLong_AsLongLongAndOverflow(number, &overflow)
        value[0] = <double>integer
        return overflow == 0 and -LARGEST <= integer <= LARGEST
    return False


cdef bint as_long(number, long *value) noexcept:
    cdef int overflow
    if not PyLong_CheckExact(number):
        return False
    value[0] = PyLong_AsLongAndOverflow(number, &overflow)
    return overflow == 0
