# Described in _pickler.pyx.
cpdef object dumps(object obj)
cpdef list dump_pieces(object obj)
cpdef object dumps_out_of_band(object obj, list buffers, Py_ssize_t least=*)
cpdef list dump_pieces_out_of_band(object obj, list buffers, Py_ssize_t least=*)
cpdef bint uses_own_pickles() except -1
cpdef bint uses_own_dumps() except -1
cpdef object loads(object data, object buffers=*)
