# cython: freethreading_compatible=True
"""Names that programs may replace: `_make_filename`, `SharedMemory`, `resource_tracker` in the public
module, and `register` and `unregister` of the standard library's resource tracker.

They are looked up at each use.  If a program has replaced a function of the tracker, its function is called
as the standard library would call it, and the block is not registered with the family.
"""

cdef dict public = {}
cdef dict originals = {}
cdef object real_register = None, real_unregister = None


def use(dict names):
    """Set the public module's namespace."""
    global public, originals, real_register, real_unregister
    public = names
    originals = dict(names)
    tracker = names["resource_tracker"]
    real_register = genuine(tracker, "register")
    real_unregister = genuine(tracker, "unregister")


def genuine(tracker, name):
    """The tracker's own function; None if a program has replaced it already."""
    function = getattr(tracker, name, None)
    is_method = getattr(function, "__func__", None) is getattr(tracker.ResourceTracker, name, None)
    return function if is_method else None


cdef object current(name):
    """The current object of a name of the public module; the original if the name is gone, at exit."""
    value = public.get(name)
    return originals[name] if value is None else value


cdef object replaced(name):
    """The replacement of a name of the public module, or None."""
    value = public.get(name)
    return None if value is originals[name] else value


cdef object replaced_register():
    """The function that a program has put in place of the tracker's register(), else None."""
    register = current("resource_tracker").register
    return None if register is real_register else register


cdef object replaced_unregister():
    """The function that a program has put in place of the tracker's unregister(), else None."""
    unregister = current("resource_tracker").unregister
    return None if unregister is real_unregister else unregister
