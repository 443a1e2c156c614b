"""Gives classes and functions defined in private modules the `__module__` of the public one."""

PUBLIC = __package__
_ABOUT_THE_CLASS = {"__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__annotations__"}
_ABOUT_THE_CLASS |= {"__firstlineno__", "__static_attributes__", "__annotate__", "__annotate_func__"}
_ABOUT_THE_CLASS |= {"__annotations_cache__", "__conditional_annotations__"}


def with_parts(*parts):
    """Class decorator: copy the attributes of other classes into a class.

    So a class whose methods are written in several files has no bases that its users don't know, and has its
    methods in its own namespace, where tools look for them.
    """

    def take(cls):
        for part in parts:
            for name, value in vars(part).items():
                if name not in _ABOUT_THE_CLASS:
                    setattr(cls, name, value)
        return shown(cls)

    return take


def shown(definition):
    """Decorator: set `__module__` of a function, or of a class and its methods, to the public module."""
    definition.__module__ = PUBLIC
    if isinstance(definition, type):
        for name, value in vars(definition).items():
            for function in functions_of(value):
                function.__module__ = PUBLIC
                function.__name__, function.__qualname__ = name, f"{definition.__qualname__}.{name}"
    return definition


def functions_of(value):
    """The functions of a method, a static or class method, or a property."""
    if isinstance(value, property):
        candidates = [value.fget, value.fset, value.fdel]
    else:
        candidates = [getattr(value, "__func__", value)]
    return [function for function in candidates if hasattr(function, "__code__")]
