"""The standard library's `_thread`, compiled: the API of Python 3.15 on every version.

Threads are started by this module (see README.md for what differs).  Locks are the interpreter's
own from 3.13 on and compiled below that.  What is fast in C already is the interpreter's object itself.
"""

import sys as _sys
import _thread as _interpreter
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

from hasten._thread import _fallbacks, _locks, _registry
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

if _sys.version_info >= (3, 13):
    from _thread import LockType, _get_main_thread_ident, allocate_lock, lock
else:
    from hasten._thread._locks import LockType, allocate_lock, lock
    from hasten._thread._registry import main_thread_ident as _get_main_thread_ident
    from hasten._thread._start import _set_sentinel

if _sys.version_info >= (3, 14):
    from _thread import _NAME_MAXLEN, RLock, _get_name, set_name
else:
    from hasten._thread._locks import RLock
    from hasten._thread._start import _NAME_MAXLEN, _get_name, set_name

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
