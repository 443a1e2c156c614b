from cpython.object cimport PyTypeObject

cdef extern from "compat.h" nogil:
    const bint HS_FREE_THREADED
    ctypedef struct hs_mutex:
        pass
    void hs_mutex_lock(hs_mutex *m) noexcept
    void hs_mutex_unlock(hs_mutex *m) noexcept
    int hs_load(const int *flag) noexcept
    void hs_store(int *flag, int value) noexcept
    unsigned int hs_type_tag(PyTypeObject *type) noexcept
    bint hs_finalizing() noexcept

# these touch Python objects: the GIL (or an attached thread state) is needed
cdef extern from "compat.h":
    object hs_finalization_error()
    void hs_unraisable_in_thread(object function) noexcept
    void hs_set_sentinel(void (*hook)(void *) noexcept, object data) noexcept
    void hs_hide(object value) noexcept
    void hs_show(object value) noexcept
    void hs_hide_instance(object value) noexcept
    void hs_show_instance(object value) noexcept
    bint hs_is_collected(object value) noexcept
    void hs_type_rename(PyTypeObject *type, const char *name) noexcept
    void hs_type_forbid_new(PyTypeObject *type) noexcept
    void hs_type_seal(PyTypeObject *type) noexcept
    int hs_hook_everywhere(bint profile) except -1
