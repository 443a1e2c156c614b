/* _event.h: making a named tuple in C, and whether a reference is the only one. */
#ifndef HASTEN_SCHED_EVENT_H
#define HASTEN_SCHED_EVENT_H

#include <Python.h>

#include "compat.h"

#include <stddef.h>
#include <string.h>

/* What a tuple has between its header and its items: nothing, or (3.14+) its hash, -1 while not computed. */
#define HS_TUPLE_GAP (offsetof(PyTupleObject, ob_item) - sizeof(PyVarObject))

/* An instance of the tuple subclass *type* with these items, or NULL with an exception set. */
static inline PyObject *hs_namedtuple(PyTypeObject *type, PyObject *const *items, Py_ssize_t count) {
    PyObject *made = type->tp_alloc(type, count);
    Py_ssize_t i;
    if (made == NULL) return NULL;
    if (HS_TUPLE_GAP > 0) memset((char *)made + sizeof(PyVarObject), 0xff, HS_TUPLE_GAP);
    for (i = 0; i < count; i++) {
        Py_INCREF(items[i]);
        PyTuple_SET_ITEM(made, i, items[i]);
    }
    return made;
}

/* Whether the caller's reference is the only one.  Without a GIL always false but in the thread that made the
 * object. */
static inline int hs_only_reference(PyObject *object) {
#if HS_FREE_THREADED
    return object->ob_tid == _Py_ThreadId() && object->ob_ref_local == 1 && object->ob_ref_shared == 0;
#else
    return Py_REFCNT(object) == 1;
#endif
}

#endif
