/* _quick.h: a fast path in front of acquire() for calls without arguments; see method_entry.h. */
#ifndef HASTEN_QUICK_H
#define HASTEN_QUICK_H

#include "method_entry.h"

typedef PyObject *(*hs_quick)(PyObject *self);

#define HS_QUICK(name)                                                                                             \
    static hs_quick name##_alone;                                                                                  \
    static hs_method_entry name##_with_arguments;                                                                  \
    static PyObject *name##_entry(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {   \
        if (nargs == 0 && kwnames == NULL) return name##_alone(self);                                              \
        return name##_with_arguments(self, args, nargs, kwnames);                                                  \
    }                                                                                                              \
    static inline int name(PyObject *descriptor, hs_quick alone) {                                                 \
        name##_alone = alone;                                                                                      \
        name##_with_arguments = hs_exchange_entry(descriptor, name##_entry);                                       \
        return name##_with_arguments == NULL ? -1 : 0;                                                             \
    }

HS_QUICK(hs_quick_lock)
HS_QUICK(hs_quick_rlock)

#endif
