# cython: freethreading_compatible=True
"""settrace() and setprofile(): hooks for threads that start later, or for all threads."""

from compat cimport hs_hook_everywhere

import sys

from hasten.threading import _registry as registry

cdef dict hooks = registry.hooks


def settrace(func):
    """Trace threads: each one started from now on calls sys.settrace(func) before its run()."""
    hooks["_trace_hook"] = func


def gettrace():
    """The function set by settrace(), or None."""
    return hooks["_trace_hook"]


def settrace_all_threads(func):
    """settrace(func), and sys.settrace(func) in every running thread."""
    hooks["_trace_hook"] = func
    hook_all_threads("settrace", func, False)


def setprofile(func):
    """Profile threads: each one started from now on calls sys.setprofile(func) before its run()."""
    hooks["_profile_hook"] = func


def getprofile():
    """The function set by setprofile(), or None."""
    return hooks["_profile_hook"]


def setprofile_all_threads(func):
    """setprofile(func), and sys.setprofile(func) in every running thread."""
    hooks["_profile_hook"] = func
    hook_all_threads("setprofile", func, True)


cdef int hook_all_threads(str setter, func, bint profile) except -1:
    """Call sys.settrace() or sys.setprofile() for every thread; from 3.12 on sys has a function for that."""
    everywhere = getattr(sys, f"_{setter}allthreads", None)
    if everywhere is not None:
        everywhere(func)
    else:
        getattr(sys, setter)(func)
        hs_hook_everywhere(profile)
    return 0
