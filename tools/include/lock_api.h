/* lock_api.h: the C functions of hasten._thread's locks, for the other distributions.
 *
 * A distribution can't rely on the class layout of another: it may be newer.  So the functions take
 * plain objects, and the table is reached through a capsule, hasten._thread._locks._C_API, that begins
 * with its version.  Entries are only ever added at the end; any other change is a new version.
 */
#ifndef HASTEN_LOCK_API_H
#define HASTEN_LOCK_API_H

#include <Python.h>

#define HS_LOCK_API_NAME "hasten._thread._locks._C_API"
enum { HS_LOCK_API_VERSION = 1 };

/* The count and the owner of a lock before release_save() released it. */
typedef struct { unsigned long count, owner; } hs_lock_saved;

/* The functions return -1 with an exception set; 0 or 1 otherwise. */
typedef struct {
    int (*acquire)(PyObject *lock, double seconds);  /* seconds 0: do not wait, negative: no limit; 1 if acquired */
    int (*release)(PyObject *lock);
    int (*is_owned)(PyObject *lock);                 /* for a lock without an owner: whether it is locked */
    int (*release_save)(PyObject *lock, hs_lock_saved *saved);
    int (*acquire_restore)(PyObject *lock, const hs_lock_saved *saved);
} hs_lock_functions;

typedef struct {
    int version;
    PyTypeObject *lock, *opaque_lock, *rlock;        /* the exact types the functions are for */
    PyObject *(*new_rlock)(void);                    /* a new reference, or NULL */
    hs_lock_functions of_lock, of_rlock;
} hs_lock_api;

/* The functions for this object, or NULL if its type is not in this table. */
static inline const hs_lock_functions *hs_lock_functions_of(const hs_lock_api *api, PyObject *lock) {
    PyTypeObject *type = Py_TYPE(lock);
    if (type == api->rlock) return &api->of_rlock;
    if (type == api->lock || type == api->opaque_lock) return &api->of_lock;
    return NULL;
}

/* The table of the installed hasten._thread, or NULL with an exception set. */
static inline const hs_lock_api *hs_lock_api_import(void) {
    const hs_lock_api *api = (const hs_lock_api *)PyCapsule_Import(HS_LOCK_API_NAME, 0);
    if (api != NULL && api->version != HS_LOCK_API_VERSION) {
        PyErr_Format(PyExc_ImportError,
                     "hasten-thread has version %d of its lock functions, and version %d is needed: "
                     "pip install --upgrade hasten-thread hasten-threading",
                     api->version, (int)HS_LOCK_API_VERSION);
        return NULL;
    }
    return api;
}

#endif
