"""What the public classes and functions say of themselves: they belong to the public module."""

PUBLIC = __package__
_ABOUT_THE_CLASS = {"__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__annotations__"}
_ABOUT_THE_CLASS |= {"__firstlineno__", "__static_attributes__", "__annotate__", "__annotate_func__"}
_ABOUT_THE_CLASS |= {"__annotations_cache__", "__conditional_annotations__"}


def with_parts(*parts):
    """A decorator: take the contents of other classes into a class, as if they had been written there.

    So a class that is written in several files has no bases but those that its users know, and its methods
    are in its own namespace, where tools look for them.
    """

    def take(cls):
        for part in parts:
            for name, value in vars(part).items():
                if name not in _ABOUT_THE_CLASS:
                    setattr(cls, name, value)
        return shown(cls)

    return take


def shown(definition):
    """A decorator: let a function, or a class and its methods, say the public module's name."""
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
