# cython: freethreading_compatible=True
"""Waits that no other thread can end.

Every thread runs to its end inside the call that starts it.  So while a thread waits no other one runs, and
what it waits for cannot happen:

* a wait without a timeout would not end: RuntimeError at once (`never_ends`);
* a wait with a timeout runs out: the time is slept (`sleep_out`), and the caller re-checks, because a signal
  handler may have run during the sleep.

Sleeping can be switched off for the process, for tests.
"""

import time

from timeout cimport hs_seconds

from hasten._dummy_thread._interpreter import TIMEOUT_MAX

cdef bint sleeping = True
cdef double longest = TIMEOUT_MAX


def seconds_of(timeout):
    """Any real number as a float: seconds.

    TypeError if it is no number, ValueError for NaN, OverflowError if it is more than TIMEOUT_MAX.
    """
    cdef double seconds
    hs_seconds(timeout, &seconds)
    if seconds > longest:
        raise OverflowError("timeout value is too large")
    return seconds


def sleep_out(double seconds):
    """Call time.sleep(seconds), unless *seconds* is not positive or sleeping is switched off."""
    if sleeping and seconds > 0:
        time.sleep(seconds)


def set_sleeping(bint on):
    """Switch the sleep of sleep_out() on or off, for the whole process; returns the previous setting."""
    global sleeping
    was = sleeping
    sleeping = on
    return was


def never_ends(call, state, cure):
    """The RuntimeError for *call*, a wait without a timeout: its cause, and what to do about it."""
    return RuntimeError(
        f"{call} would wait for ever: {state}, and no other thread can change that meanwhile, because each"
        f" runs to its end inside start(); {cure}"
    )
