from cpython.object cimport PyObject, PyTypeObject

cdef extern from "lock_api.h":
    const char *HS_LOCK_API_NAME
    enum:
        HS_LOCK_API_VERSION
    ctypedef struct hs_lock_saved:
        unsigned long count
        unsigned long owner
    ctypedef struct hs_lock_functions:
        int (*acquire)(object lock, double seconds) except -1
        int (*release)(object lock) except -1
        int (*is_owned)(object lock) except -1
        int (*release_save)(object lock, hs_lock_saved *saved) except -1
        int (*acquire_restore)(object lock, const hs_lock_saved *saved) except -1
    ctypedef struct hs_lock_api:
        int version
        PyTypeObject *lock
        PyTypeObject *opaque_lock
        PyTypeObject *rlock
        object (*new_rlock)()
        hs_lock_functions of_lock
        hs_lock_functions of_rlock
    const hs_lock_functions *hs_lock_functions_of(const hs_lock_api *api, object lock) noexcept
    const hs_lock_api *hs_lock_api_import() except NULL
