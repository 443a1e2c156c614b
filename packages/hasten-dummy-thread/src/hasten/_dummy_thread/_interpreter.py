"""What this package uses of the interpreter's `_thread`, which need not be able to start threads."""

try:
    import _thread
except ImportError:
    # A program has hidden it, to test its fallback: sys.modules["_thread"] = None.
    from _frozen_importlib import _thread

TIMEOUT_MAX = _thread.TIMEOUT_MAX
_ExceptHookArgs = _thread._ExceptHookArgs
_excepthook = _thread._excepthook
_local = _thread._local
if hasattr(_thread, "get_native_id"):
    get_native_id = _thread.get_native_id
else:  # a system without native thread numbers
    from os import getpid as get_native_id

__all__ = ["TIMEOUT_MAX", "_ExceptHookArgs", "_excepthook", "_local", "get_native_id"]
