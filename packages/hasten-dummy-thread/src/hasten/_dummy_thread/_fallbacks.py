"""The parts of the interpreter's `_thread` for a program that has hidden it."""

import sys
from collections import namedtuple
from types import SimpleNamespace as _local

TIMEOUT_MAX = float(2**31)  # seconds


class _ExceptHookArgs(namedtuple("_ExceptHookArgs", "exc_type exc_value exc_traceback thread")):
    """What an excepthook is told; made from a sequence of the four."""

    __slots__ = ()

    def __new__(cls, fields, /):
        return cls._make(fields)


def _excepthook(args, /):
    """Write to sys.stderr what has ended a thread.  SystemExit is not worth a word."""
    import traceback

    if args.exc_type is SystemExit or sys.stderr is None:
        return
    name = args.thread.name if args.thread is not None else "?"
    sys.stderr.write(f"Exception in thread {name}:\n")
    traceback.print_exception(args.exc_type, args.exc_value, args.exc_traceback, file=sys.stderr)


__all__ = ["TIMEOUT_MAX", "_ExceptHookArgs", "_excepthook", "_local"]
