/* _quick.h: a second entry of a method, for calls without arguments.
 *
 * acquire() has two arguments that hardly anybody gives, and to find them missing takes a tenth of the call.  So
 * the method's C function is replaced by one that looks for arguments first, and then calls the one or the other.
 * That is done in the method's definition, which is this module's own static memory, before the class is used.
 */
#ifndef HASTEN_QUICK_H
#define HASTEN_QUICK_H

#include <Python.h>

typedef PyObject *(*hs_quick)(PyObject *self);
typedef PyObject *(*hs_general)(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);

/* Exchange the C function of a method descriptor.  The one that was there, or NULL with an exception set. */
static inline hs_general hs_exchange(PyObject *descriptor, hs_general entry) {
    PyMethodDef *method;
    hs_general before;
    if (!Py_IS_TYPE(descriptor, &PyMethodDescr_Type) ||
        ((PyMethodDescrObject *)descriptor)->d_method->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) {
        PyErr_Format(PyExc_SystemError, "%R has another calling convention", descriptor);
        return NULL;
    }
    method = ((PyMethodDescrObject *)descriptor)->d_method;
    before = (hs_general)(void (*)(void))method->ml_meth;
    method->ml_meth = (PyCFunction)(void (*)(void))entry;
    return before;
}

#define HS_QUICK(name)                                                                                             \
    static hs_quick name##_alone;                                                                                  \
    static hs_general name##_with_arguments;                                                                       \
    static PyObject *name##_entry(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {   \
        if (nargs == 0 && kwnames == NULL) return name##_alone(self);                                              \
        return name##_with_arguments(self, args, nargs, kwnames);                                                  \
    }                                                                                                              \
    static inline int name(PyObject *descriptor, hs_quick alone) {                                                 \
        name##_alone = alone;                                                                                      \
        name##_with_arguments = hs_exchange(descriptor, name##_entry);                                             \
        return name##_with_arguments == NULL ? -1 : 0;                                                             \
    }

HS_QUICK(hs_quick_lock)
HS_QUICK(hs_quick_rlock)

#endif
