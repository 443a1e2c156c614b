/* timeout.h: from the number a caller passed as a timeout to seconds.  Python API, GIL held. */
#ifndef HASTEN_TIMEOUT_H
#define HASTEN_TIMEOUT_H

#include <Python.h>

/* Any real number (int, float, Fraction, Decimal, ...) as a double; an int too large for one is
 * infinity.  Returns 0, or -1 with TypeError, or ValueError for a NaN. */
static inline int hs_seconds(PyObject *timeout, double *seconds) {
    *seconds = PyFloat_CheckExact(timeout) ? PyFloat_AS_DOUBLE(timeout) : PyFloat_AsDouble(timeout);
    if (*seconds == -1.0 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
            PyObject *zero = PyLong_FromLong(0);
            int negative;
            PyErr_Clear();
            if (zero == NULL) return -1;
            negative = PyObject_RichCompareBool(timeout, zero, Py_LT);
            Py_DECREF(zero);
            if (negative < 0) return -1;
            *seconds = negative ? -Py_HUGE_VAL : Py_HUGE_VAL;
            return 0;
        }
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "timeout must be a real number (seconds) or None, not '%.200s'",
                         Py_TYPE(timeout)->tp_name);
        return -1;
    }
    if (*seconds != *seconds) {
        PyErr_SetString(PyExc_ValueError, "Invalid value NaN (not a number) as a timeout");
        return -1;
    }
    return 0;
}

#endif
