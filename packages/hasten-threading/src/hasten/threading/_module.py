"""What hasten.threading is as a module: it shares the hooks that users set with the standard library's.

And the warning that its old names give.
"""

import sys
import threading as _stdlib
from types import ModuleType


class Module(ModuleType):
    """hasten.threading.  It has no __getattr__(), which would make every look into the module slower."""

    @property
    def excepthook(self):
        """excepthook(args, /): told of each exception that ends a thread.  Assign a function to replace it.

        args: an ExceptHookArgs with exc_type, exc_value, exc_traceback and thread.  The same hook as that
        of the standard library's threading.
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
        # cloudpickle and dill pickle a function with the modules it uses, and know of plain modules only.
        from importlib import import_module

        return import_module, (self.__name__,)


_SINCE = (3, 10)  # the standard library's names have not warned before


def deprecated(message: str, level: int = 2) -> None:
    """Warn the caller of the function that calls this; level 2 if that is compiled (no frame), else 3."""
    if sys.version_info >= _SINCE:
        import warnings

        warnings.warn(message, DeprecationWarning, stacklevel=level)
