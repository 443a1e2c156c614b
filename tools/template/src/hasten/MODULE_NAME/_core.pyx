# cython: freethreading_compatible=True
"""The compiled core of hasten.MODULE_NAME."""
from clock cimport hs_deadline_after, hs_now


def deadline_after(double seconds):
    """The time, in nanoseconds of the monotonic clock, when *seconds* will have passed."""
    if seconds != seconds:
        raise ValueError("seconds must be a number, not NaN")
    return hs_deadline_after(seconds)


def now():
    """Nanoseconds of the monotonic clock."""
    return hs_now()
