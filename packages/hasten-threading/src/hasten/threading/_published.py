"""The public classes and functions are made in private modules, and say that they are the public one's."""

PUBLIC = "hasten.threading"


def published(cls):
    """Let the class, its methods and the functions of its properties name the public module as theirs."""
    cls.__module__ = PUBLIC
    for value in vars(cls).values():
        publish_functions(*((value.fget, value.fset) if isinstance(value, property) else (value,)))
    return cls


def publish_functions(*functions):
    """The same for functions; compiled ones get `__type_params__`, which those of Python have."""
    for function in functions:
        if hasattr(function, "__code__"):
            function.__module__ = PUBLIC
            if not hasattr(function, "__type_params__"):
                function.__type_params__ = ()  # 3.12+ has it
