/* _quick.h: a second entry of a method, for the calls that nearly all are.
 *
 * The C function that a method's definition names is replaced by one with the same calling convention.  The definition
 * is this module's own static memory; name, flags and documentation stay, so nobody sees another method.  It is done
 * before the class can be used: a bound method that was made earlier would have either function.
 */
#ifndef HASTEN_QUICK_H
#define HASTEN_QUICK_H

#include <Python.h>

/* What METH_FASTCALL | METH_KEYWORDS means. */
typedef PyObject *(*hs_call)(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names);

/* Put *instead* in place of the C function of a method descriptor.  The one that was there, or NULL with an exception
 * set. */
static inline hs_call hs_call_exchange(PyObject *descriptor, hs_call instead) {
    PyMethodDef *method;
    hs_call before;
    if (!Py_IS_TYPE(descriptor, &PyMethodDescr_Type) ||
        ((PyMethodDescrObject *)descriptor)->d_method->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) {
        PyErr_Format(PyExc_SystemError, "%R has another calling convention", descriptor);
        return NULL;
    }
    method = ((PyMethodDescrObject *)descriptor)->d_method;
    before = (hs_call)(void (*)(void))method->ml_meth;
    method->ml_meth = (PyCFunction)(void (*)(void))instead;
    return before;
}

#endif
