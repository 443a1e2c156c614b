"""The standard library's `_thread`, compiled: the API of Python 3.15 on every version.

Threads are started by this module, and up to 3.14 the locks are compiled here (see README.md).  Objects that
the interpreter has in C, and as fast, are the interpreter's.
"""

import sys as _sys
from _thread import (
    TIMEOUT_MAX,
    _excepthook,
    _ExceptHookArgs,
    _local,
    error,
    exit,
    exit_thread,
    get_ident,
    get_native_id,
)

try:
    from hasten._thread import _bundle  # the compiled modules, in one file
except ImportError:
    pass  # they are files of their own
else:
    _bundle.load("_locks", "_start", "_registry")
    if _sys.version_info < (3, 12):
        _bundle.load("_fallbacks")

from hasten._thread import _registry  # noqa: F401 (registers functions for fork and exit)
from hasten._thread._start import (
    _count,
    _make_thread_handle,
    _shutdown,
    _ThreadHandle,
    stack_size,
    start_joinable_thread,
    start_new_thread,
)

start_new = start_new_thread

# From 3.15 on the interpreter's locks are as fast and take any real number as a timeout.
if _sys.version_info >= (3, 15):
    from _thread import LockType, RLock, allocate_lock, lock
else:
    from hasten._thread._locks import RLock, allocate_lock, lock

    LockType = lock  # one class: programs compare type(threading.Lock()) with it

if _sys.version_info >= (3, 14):
    from _thread import _NAME_MAXLEN, _get_name, set_name
else:
    from hasten._thread._start import _NAME_MAXLEN, _get_name, set_name

if _sys.version_info >= (3, 13):
    from _thread import _get_main_thread_ident
else:
    from hasten._thread._registry import main_thread_ident as _get_main_thread_ident
    from hasten._thread._start import _set_sentinel

if _sys.version_info >= (3, 12):
    from _thread import _is_main_interpreter, daemon_threads_allowed
else:
    from hasten._thread._fallbacks import daemon_threads_allowed
    from hasten._thread._fallbacks import is_main_interpreter as _is_main_interpreter

if _sys.version_info >= (3, 10):
    from _thread import interrupt_main
else:
    from hasten._thread._fallbacks import interrupt_main

allocate = allocate_lock

# threading.py exports the first two, and its tests check that these are of the module "_thread"
for _function, _module in (
    (allocate_lock, "_thread"),
    (stack_size, "_thread"),
    (daemon_threads_allowed, __name__),
    (set_name, __name__),
    (start_joinable_thread, __name__),
    (start_new_thread, __name__),
):
    if _function.__module__ != "_thread":
        _function.__module__ = _module
