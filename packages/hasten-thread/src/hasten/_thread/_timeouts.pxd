"""From a caller's timeout to seconds; for locks and join handles."""


cdef inline double seconds_of(object timeout) except? -1.0:
    """Any real number as a double.  NaN is a ValueError, more than TIMEOUT_MAX an OverflowError."""
    cdef double seconds = timeout
    if seconds != seconds:
        raise ValueError("Invalid value NaN (not a number)")
    if seconds > 9223372036.0:
        raise OverflowError("timeout value is too large")
    return seconds
