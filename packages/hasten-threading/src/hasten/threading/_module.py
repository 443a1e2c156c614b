"""The class of the module hasten.threading, which shares `excepthook` with the standard library's.

Also the warning of its deprecated names.
"""

import sys
import threading as _stdlib
from types import ModuleType


class Module(ModuleType):
    """hasten.threading.  No __getattr__() here: it would slow down every access to the module."""

    @property
    def excepthook(self):
        """excepthook(args, /) is called for each exception that ends a thread.

        args: an ExceptHookArgs with exc_type, exc_value, exc_traceback and thread.  Assign a function to
        replace the hook, which is the standard library's.
        """
        return _stdlib.excepthook

    @excepthook.setter
    def excepthook(self, hook):
        _stdlib.excepthook = hook

    @excepthook.deleter
    def excepthook(self):
        del _stdlib.excepthook

    def __dir__(self):
        return [*super().__dir__(), "excepthook"]

    def __reduce__(self):
        # cloudpickle and dill pickle a function with the modules it uses, and support plain modules only.
        from importlib import import_module

        return import_module, (self.__name__,)


_SINCE = (3, 10)  # before, the standard library's names do not warn


def deprecated(message: str, level: int = 2) -> None:
    """Warn the caller of the deprecated function; level 2 if that is compiled (it has no frame), else 3."""
    if sys.version_info >= _SINCE:
        import warnings

        warnings.warn(message, DeprecationWarning, stacklevel=level)
