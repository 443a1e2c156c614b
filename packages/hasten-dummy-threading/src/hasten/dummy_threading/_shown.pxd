"""The repr() of synchronization objects."""


cdef inline str shown(object thing, object state):
    kind = type(thing)
    return f"<{kind.__module__}.{kind.__qualname__} at {<size_t><void *>thing:#x}: {state}>"
