from cpython.object cimport PyTypeObject
from cpython.ref cimport PyObject

cdef extern from "construct.h":
    ctypedef object (*hs_constructor)(PyObject *cls, PyObject **args, size_t flags, PyObject *names)
    void hs_set_constructor(PyTypeObject *cls, hs_constructor call)
    object hs_construct_bare(PyObject *cls, object no_args)
    object hs_construct_slowly(PyObject *cls, PyObject **args, size_t flags, PyObject *names)
    Py_ssize_t PyVectorcall_NARGS(size_t flags) noexcept
