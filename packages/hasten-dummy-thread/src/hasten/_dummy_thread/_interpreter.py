"""What these modules take from the interpreter's `_thread`.

A program that tries out its fallback hides `_thread` first (`sys.modules["_thread"] = None`), so nothing
here is taken for granted.  Starting threads is not among it: `_thread` need not be able to.
"""

try:
    from _thread import TIMEOUT_MAX, _excepthook, _ExceptHookArgs, _local
except ImportError:
    from hasten._dummy_thread._fallbacks import TIMEOUT_MAX, _excepthook, _ExceptHookArgs, _local

try:
    from _thread import get_native_id
except ImportError:  # hidden, or a system that does not number its threads
    from os import getpid as get_native_id

__all__ = ["TIMEOUT_MAX", "_ExceptHookArgs", "_excepthook", "_local", "get_native_id"]
