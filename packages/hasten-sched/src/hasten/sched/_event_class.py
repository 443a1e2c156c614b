"""The class of the events, and calling an action in the interpreter's own words.

The class is the standard library's own, where that has today's six fields: a named tuple (3.9 has five
fields, and another idea of when two events are equal).
"""

import sched as _stdlib
from collections import namedtuple

_FIELDS = {
    "time": "When the event is due: a number, or whatever the scheduler's timefunc returns.",
    "priority": "Of events that are due at the same time, the one with the lowest priority comes first.",
    "sequence": "Counts the events of a scheduler; decides between equal times and priorities.",
    "action": "What is called: action(*argument, **kwargs).",
    "argument": "The positional arguments, a sequence.",
    "kwargs": "The keyword arguments, a dict.",
}


def _event_class() -> type:
    if _stdlib.Event._fields == tuple(_FIELDS):
        return _stdlib.Event
    # type checkers know fields only if they are written here
    made = namedtuple("Event", list(_FIELDS), module="hasten.sched")  # type: ignore[misc]
    for name, text in _FIELDS.items():
        getattr(made, name).__doc__ = text
    return made


Event = _event_class()


def spread(action, argument, kwargs):
    """Call with arguments that are not the usual tuple and dict: as the interpreter does it, in its words."""
    return action(*argument, **kwargs)
