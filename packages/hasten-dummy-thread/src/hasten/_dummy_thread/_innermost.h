/* _innermost.h: the innermost of the threads that run inside their start().
 *
 * They nest like function calls, so each OS thread has a stack of them; this is its top.  A borrowed reference:
 * run_as_thread() holds the object. */
#ifndef HASTEN_INNERMOST_H
#define HASTEN_INNERMOST_H

#include <Python.h>

static _Thread_local PyObject *hs_innermost = NULL;

static inline PyObject *hs_get_innermost(void) { return hs_innermost; }
static inline void hs_set_innermost(PyObject *running) { hs_innermost = running; }

#endif
