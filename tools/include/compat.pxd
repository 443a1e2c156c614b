from cpython.object cimport PyTypeObject

cdef extern from "compat.h" nogil:
    const bint HS_FREE_THREADED
    ctypedef struct hs_mutex:
        pass
    void hs_mutex_lock(hs_mutex *m) noexcept
    void hs_mutex_unlock(hs_mutex *m) noexcept
    unsigned int hs_type_tag(PyTypeObject *type) noexcept
    bint hs_finalizing() noexcept
