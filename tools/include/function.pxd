# Needs an attached thread state.
cdef extern from "function.h":
    const bint HS_TYPE_PARAMS
    int hs_function_adopt(object compiled, object function) except -1


# compiled: the type of the functions of the module that calls.

cdef inline int publish_function(value, module, compiled) except -1:
    """Let a function say that it is *module*'s, the public one's; a compiled one counts as one of Python."""
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if hasattr(value, "__code__"):
        value.__module__ = module
        if HS_TYPE_PARAMS and not hasattr(value, "__type_params__"):
            value.__type_params__ = ()
        hs_function_adopt(compiled, value)
    return 0


cdef inline int publish_methods(cls, module, compiled) except -1:
    """The same for a class's own methods, and the functions of its properties."""
    for value in vars(cls).values():
        for function in (value.fget, value.fset) if isinstance(value, property) else (value,):
            publish_function(function, module, compiled)
    return 0
