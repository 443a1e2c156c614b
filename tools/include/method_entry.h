/* method_entry.h: another C function for a method of a compiled class, for the calls that nearly all are.
 *
 * To find that arguments are missing takes a tenth of a call of acquire().  So the C function that the method's
 * definition names is replaced by one with the same calling convention, which looks for arguments first.  The
 * definition is the module's own static memory; name, flags and documentation stay, so nobody sees another method.
 * It is done before the class can be used: a bound method that was made earlier would have either function.
 */
#ifndef HASTEN_METHOD_ENTRY_H
#define HASTEN_METHOD_ENTRY_H

#include <Python.h>

/* What METH_FASTCALL | METH_KEYWORDS means. */
typedef PyObject *(*hs_method_entry)(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names);

/* Put *instead* in place of the C function of a method descriptor.  The one that was there, or NULL with an
 * exception set. */
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
