/* A stand-in for <Python.h>, with just what the data structures of ours use of it: the tests run without an
 * interpreter, count references themselves, and can let memory run out. */
#ifndef HASTEN_SANITIZE_FAKE_PYTHON_H
#define HASTEN_SANITIZE_FAKE_PYTHON_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

typedef ssize_t Py_ssize_t;
#define PY_SSIZE_T_MAX ((Py_ssize_t)(SIZE_MAX >> 1))

typedef struct { Py_ssize_t ob_refcnt; } PyObject;
typedef int (*visitproc)(PyObject *, void *);

static int allocations_left = -1;  /* -1: as many as asked for */

static inline void *PyMem_RawMalloc(size_t size) {
    if (allocations_left == 0) return NULL;
    if (allocations_left > 0) allocations_left--;
    return malloc(size ? size : 1);
}

static inline void PyMem_RawFree(void *p) { free(p); }

#define Py_INCREF(op) ((op)->ob_refcnt++)
#define Py_DECREF(op) ((op)->ob_refcnt--)
#define Py_XINCREF(op) ((op) ? Py_INCREF(op) : 0)
#define Py_XDECREF(op) ((op) ? Py_DECREF(op) : 0)
#define Py_VISIT(op)                                   \
    do {                                               \
        int visited = (op) ? visit((op), arg) : 0;     \
        if (visited) return visited;                   \
    } while (0)

#endif
