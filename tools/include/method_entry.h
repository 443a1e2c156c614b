/* method_entry.h: replaces the C function of a compiled class's method by a faster one for the usual calls.
 *
 * Parsing an empty argument list takes a tenth of a call of acquire().  So the C function in the method's
 * definition is replaced by one with the same calling convention that checks first whether there are arguments.
 * The definition is the module's own static memory; name, flags and documentation stay, so Python code sees the
 * same method.  Call it before the class can be used: a bound method made earlier may call either function.
 */
#ifndef HASTEN_METHOD_ENTRY_H
#define HASTEN_METHOD_ENTRY_H

#include <Python.h>

/* What METH_FASTCALL | METH_KEYWORDS means. */
typedef PyObject *(*hs_method_entry)(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names);

/* Replace the C function of a method descriptor by *instead*.  Returns the previous one, or NULL with an exception
 * set. */
static inline hs_method_entry hs_exchange_entry(PyObject *descriptor, hs_method_entry instead) {
    PyMethodDef *method;
    hs_method_entry before;
    if (!Py_IS_TYPE(descriptor, &PyMethodDescr_Type) ||
        ((PyMethodDescrObject *)descriptor)->d_method->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) {
        PyErr_Format(PyExc_SystemError, "%R has another calling convention", descriptor);
        return NULL;
    }
    method = ((PyMethodDescrObject *)descriptor)->d_method;
    before = (hs_method_entry)(void (*)(void))method->ml_meth;
    method->ml_meth = (PyCFunction)(void (*)(void))instead;
    return before;
}

#endif
