/* _innermost.h: which of the threads that run inside their start() is the one that runs now.
 *
 * They nest like function calls, so each thread of the operating system has a stack of them; this is its top.
 * It is borrowed: the call that runs the thread holds the object. */
#ifndef HASTEN_INNERMOST_H
#define HASTEN_INNERMOST_H

#include <Python.h>

static _Thread_local PyObject *hs_innermost = NULL;

static inline PyObject *hs_get_innermost(void) { return hs_innermost; }
static inline void hs_set_innermost(PyObject *running) { hs_innermost = running; }

#endif
