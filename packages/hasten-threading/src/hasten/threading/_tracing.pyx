# cython: freethreading_compatible=True
"""settrace() and setprofile(): hooks for all threads that are started from now on, or for all there are."""

from compat cimport hs_hook_everywhere

import sys

from hasten.threading import _registry as registry

cdef dict hooks = registry.hooks


def settrace(func):
    """Trace threads: each one that is started from now on calls sys.settrace(func) before its run()."""
    hooks["_trace_hook"] = func


def gettrace():
    """The function that settrace() was given last, or None."""
    return hooks["_trace_hook"]


def settrace_all_threads(func):
    """settrace(func), and sys.settrace(func) in every thread that runs now."""
    hooks["_trace_hook"] = func
    if hasattr(sys, "_settraceallthreads"):
        sys._settraceallthreads(func)
    else:
        sys.settrace(func)
        hs_hook_everywhere(False)


def setprofile(func):
    """Profile threads: each one that is started from now on calls sys.setprofile(func) before its run()."""
    hooks["_profile_hook"] = func


def getprofile():
    """The function that setprofile() was given last, or None."""
    return hooks["_profile_hook"]


def setprofile_all_threads(func):
    """setprofile(func), and sys.setprofile(func) in every thread that runs now."""
    hooks["_profile_hook"] = func
    if hasattr(sys, "_setprofileallthreads"):
        sys._setprofileallthreads(func)
    else:
        sys.setprofile(func)
        hs_hook_everywhere(True)
