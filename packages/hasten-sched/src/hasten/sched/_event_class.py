"""What of events has to be Python code: their class, a named tuple, and the call of an unusual action.

The class is the standard library's from 3.10 on.  On 3.9, whose events have five fields and compare in
another way, it is one of ours with the six fields of later versions.
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
    """Call with arguments that are not a tuple and a dict.  Python, for the interpreter's error messages."""
    return action(*argument, **kwargs)
