/* _entries.h: a fast path in front of a compiled function, for the usual arguments.
 *
 * A function with optional arguments spends up to a third of a short call on unpacking them, and `*args` of
 * __exit__() cost a tuple.  HS_ENTRY(name, count) makes a vectorcall function for calls with *count* positional
 * arguments, the object included, and no keywords; name(function, direct) puts it in front of the function's own.
 * direct(object) does the call, or returns NotImplemented: then the function's own is called.
 *
 * Only the vectorcall slot of the function object changes; everything else a program can see stays.
 */
#ifndef HASTEN_ENTRIES_H
#define HASTEN_ENTRIES_H

#include <Python.h>

typedef PyObject *(*hs_direct)(PyObject *object);

/* The vectorcall slot of a compiled function; NULL with an exception set. */
static inline vectorcallfunc *hs_vectorcall_of(PyObject *function) {
    Py_ssize_t offset = Py_TYPE(function)->tp_vectorcall_offset;
    vectorcallfunc *slot = (vectorcallfunc *)((char *)function + offset);
    if (offset > 0 && *slot != NULL) return slot;
    PyErr_Format(PyExc_SystemError, "%R has no vectorcall", function);
    return NULL;
}

#define HS_ENTRY(name, count)                                                                                       \
    static hs_direct name##_direct;                                                                                 \
    static vectorcallfunc name##_general;                                                                           \
    static PyObject *name##_entry(PyObject *function, PyObject *const *args, size_t nargsf, PyObject *kwnames) {    \
        if (PyVectorcall_NARGS(nargsf) == (count) && kwnames == NULL) {                                             \
            PyObject *result = name##_direct(args[0]);                                                              \
            if (result != Py_NotImplemented) return result;                                                         \
            Py_DECREF(result);                                                                                      \
        }                                                                                                           \
        return name##_general(function, args, nargsf, kwnames);                                                     \
    }                                                                                                               \
    static inline int name(PyObject *function, hs_direct direct) {                                                  \
        vectorcallfunc *slot = hs_vectorcall_of(function);                                                          \
        if (slot == NULL) return -1;                                                                                \
        name##_direct = direct;                                                                                     \
        name##_general = *slot;                                                                                     \
        *slot = name##_entry;                                                                                       \
        return 0;                                                                                                   \
    }

#endif
