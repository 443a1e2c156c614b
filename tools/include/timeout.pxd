cdef extern from "timeout.h":
    int hs_seconds(object timeout, double *seconds) except -1
