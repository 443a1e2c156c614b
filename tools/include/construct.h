/* construct.h: a class of Python's whose calls go to a function of C.
 *
 * type(...) makes a tuple and a dictionary of the arguments, and __init__() takes them apart again: 2,000 instructions
 * for two keywords.  The function gets them as they are.  Subclasses do not inherit it.
 *
 * It has to look whether the class has its own __new__() and __init__() still: programs replace them.
 */
#ifndef HASTEN_CONSTRUCT_H
#define HASTEN_CONSTRUCT_H

#include <Python.h>

typedef PyObject *(*hs_constructor)(PyObject *type, PyObject **args, size_t flags, PyObject *names);

static inline void hs_set_constructor(PyTypeObject *type, hs_constructor call) {
    type->tp_vectorcall = (vectorcallfunc)call;
}

/* An instance without its __init__(). */
static inline PyObject *hs_construct_bare(PyObject *type, PyObject *no_args) {
    return ((PyTypeObject *)type)->tp_new((PyTypeObject *)type, no_args, NULL);
}

/* type(...)'s own way, which does not come back to a class's constructor. */
static PyObject *hs_construct_slowly(PyObject *type, PyObject **args, size_t flags, PyObject *names) {
    Py_ssize_t count = PyVectorcall_NARGS(flags), named = names == NULL ? 0 : PyTuple_GET_SIZE(names), i;
    PyObject *made = NULL, *keywords = NULL, *positional = PyTuple_New(count);
    if (positional == NULL) return NULL;
    for (i = 0; i < count; i++) {
        Py_INCREF(args[i]);
        PyTuple_SET_ITEM(positional, i, args[i]);
    }
    if (named > 0 && (keywords = PyDict_New()) == NULL) goto end;
    for (i = 0; i < named; i++)
        if (PyDict_SetItem(keywords, PyTuple_GET_ITEM(names, i), args[count + i]) < 0) goto end;
    made = PyType_Type.tp_call(type, positional, keywords);
end:
    Py_DECREF(positional);
    Py_XDECREF(keywords);
    return made;
}

#endif
