from cpython.object cimport PyTypeObject

# Needs an attached thread state.  *type* is a variable of the module, at first NULL.
cdef extern from "function.h":
    int hs_function_adopt(PyTypeObject **type, object compiled, object function) except -1
