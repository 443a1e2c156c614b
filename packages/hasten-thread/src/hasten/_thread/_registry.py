"""The one place of this package that touches the registry of the standard library's `threading`.

When stdlib threading.py runs over this module, it joins our non-daemon threads itself: its _shutdown()
calls ours.  When it does not, we ask it to call ours before it joins its own threads.
"""

import atexit
import os
import sys

from hasten._thread import _start

_registered = False


def _join_at_exit():
    """Let the end of the interpreter wait for our non-daemon threads, in the order of threading's own."""
    global _registered
    if _registered:
        return
    import threading

    if getattr(threading, "_thread_shutdown", None) is not _start._shutdown:
        try:
            threading._register_atexit(_start._shutdown)
        except RuntimeError:
            # threading's own shutdown is over; _leave(), which atexit runs after it, joins too
            return
    _registered = True


def _leave():
    try:
        _start._shutdown()
    finally:
        _start._settle_for_exit()


def main_thread_ident():
    """The identifier of the main thread."""
    import threading

    return threading.main_thread().ident


def _threading_is_over():
    """3.12 starts no threads once threading._shutdown() has begun, and has a test for it."""
    return getattr(sys.modules.get("threading"), "_SHUTTING_DOWN", False)


_start._set_hooks(_join_at_exit, _threading_is_over if sys.version_info[:2] == (3, 12) else None)
atexit.register(_leave)
os.register_at_fork(before=_start._settle)
