/* timeout.h: from the number a caller passed as a timeout to seconds and to a deadline, and back.
 * Python API, GIL held. */
#ifndef HASTEN_TIMEOUT_H
#define HASTEN_TIMEOUT_H

#include <Python.h>

#include "clock.h"

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

/* The deadline for a `timeout` argument: None, or any real number of seconds; 0, which has always passed, if it is
 * not positive.  -1 with an exception set. */
static inline int64_t hs_deadline_of(PyObject *timeout) {
    double seconds;
    if (timeout == Py_None) return HS_NEVER;
    if (hs_seconds(timeout, &seconds) < 0) return -1;
    return seconds > 0 ? hs_deadline_after(seconds) : 0;
}

/* The same, but a negative timeout is a ValueError with the message *words*. */
static inline int64_t hs_deadline_unless_negative(PyObject *timeout, const char *words) {
    double seconds;
    if (timeout == Py_None) return HS_NEVER;
    if (hs_seconds(timeout, &seconds) < 0) return -1;
    if (seconds < 0) {
        PyErr_SetString(PyExc_ValueError, words);
        return -1;
    }
    return seconds > 0 ? hs_deadline_after(seconds) : 0;
}

static inline int hs_expired(int64_t deadline) { return deadline != HS_NEVER && hs_now() >= deadline; }

/* The seconds left until a deadline, as the timeout for another object's wait; a new reference. */
static inline PyObject *hs_seconds_until(int64_t deadline) {
    int64_t left;
    if (deadline == HS_NEVER) Py_RETURN_NONE;
    left = deadline - hs_now();
    return PyFloat_FromDouble(left > 0 ? (double)left / 1e9 : 0.0);
}

#endif
