"""published(): the public classes are compiled in private modules, and say that they are the public one's."""

PUBLIC = "hasten.threading"


def published(cls):
    """Let the class, its methods and the functions of its properties name the public module as theirs."""
    cls.__module__ = PUBLIC
    for value in vars(cls).values():
        functions = (value.fget, value.fset) if isinstance(value, property) else (value,)
        for function in functions:
            if hasattr(function, "__code__"):
                function.__module__ = PUBLIC
    return cls
