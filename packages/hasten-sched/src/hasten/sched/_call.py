"""Calls whose arguments are not the usual tuple and dict: as the interpreter does it, in its words."""


def spread(action, argument, kwargs):
    return action(*argument, **kwargs)
