/* _reducers.h: the dispatch_table of a Pickler, a view of two dictionaries, and a reducer for numpy's arrays.
 *
 * A Pickler looks up every class that is not built in here, usually with a KeyError.  In C that takes 30 ns; a Cython
 * method would build a traceback each time.  It is a view, not a copy: reducers registered later are found.
 *
 * Needs an attached thread state.
 */
#ifndef HASTEN_REDUCERS_H
#define HASTEN_REDUCERS_H

#include <string.h>

#include "compat.h"

typedef struct {
    PyObject_HEAD
    PyObject *first, *second; /* dictionaries; the first takes precedence */
    PyObject *arrays;         /* the reducer of numpy.ndarray if neither has one, or NULL */
} hs_reducers;

/* 1 with a new reference in *value*; 0 without an entry; -1 with an exception set. */
static inline int hs_dict_get(PyObject *dict, PyObject *key, PyObject **value) {
#if HS_FREE_THREADED
    return PyDict_GetItemRef(dict, key, value);
#else
    *value = PyDict_GetItemWithError(dict, key);
    if (*value == NULL) return PyErr_Occurred() ? -1 : 0;
    Py_INCREF(*value);
    return 1;
#endif
}

static PyObject *hs_reducers_subscript(PyObject *self, PyObject *type) {
    hs_reducers *both = (hs_reducers *)self;
    PyObject *found = NULL;
    int status = hs_dict_get(both->first, type, &found);
    if (status == 0) status = hs_dict_get(both->second, type, &found);
    if (status == 0 && both->arrays != NULL && PyType_Check(type) &&
        strcmp(((PyTypeObject *)type)->tp_name, "numpy.ndarray") == 0) {
        Py_INCREF(both->arrays);
        return both->arrays;
    }
    if (status == 0) PyErr_SetObject(PyExc_KeyError, type);
    return found;
}

static void hs_reducers_dealloc(PyObject *self) {
    Py_XDECREF(((hs_reducers *)self)->first);
    Py_XDECREF(((hs_reducers *)self)->second);
    Py_XDECREF(((hs_reducers *)self)->arrays);
    PyObject_Free(self);
}

static PyMappingMethods hs_reducers_mapping = {.mp_subscript = hs_reducers_subscript};

static PyTypeObject hs_reducers_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "hasten.multiprocessing._transport._pickler.Reducers",
    .tp_basicsize = sizeof(hs_reducers),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = hs_reducers_dealloc,
    .tp_as_mapping = &hs_reducers_mapping,
};

/* arrays: may be Py_None.  A new reference, or NULL with an exception set. */
static inline PyObject *hs_reducers_new(PyObject *first, PyObject *second, PyObject *arrays) {
    hs_reducers *self;
    if (PyType_Ready(&hs_reducers_type) < 0) return NULL;
    self = PyObject_New(hs_reducers, &hs_reducers_type);
    if (self == NULL) return NULL;
    Py_INCREF(first);
    Py_INCREF(second);
    self->first = first;
    self->second = second;
    self->arrays = arrays == Py_None ? NULL : arrays;
    Py_XINCREF(self->arrays);
    return (PyObject *)self;
}

#endif
