"""Threads without threads: the `_dummy_thread` of Python 3.8 and before, with the names of 3.15's `_thread`.

Invariant: a started thread runs to its end inside the call that starts it.  No thread of the operating
system is started, so this works on systems without threads.
"""

try:
    from hasten._dummy_thread import _bundle  # noqa: F401 (the compiled modules, in one file)
except ImportError:
    pass  # they are files of their own

from hasten._dummy_thread._interpreter import TIMEOUT_MAX, _excepthook, _ExceptHookArgs, get_native_id
from hasten._dummy_thread._locals import local as _local
from hasten._dummy_thread._locks import RLock, _set_sentinel, allocate_lock, lock
from hasten._dummy_thread._threads import (
    _count,
    _get_main_thread_ident,
    _is_main_interpreter,
    _make_thread_handle,
    _shutdown,
    _ThreadHandle,
    daemon_threads_allowed,
    exit,
    get_ident,
    interrupt_main,
    stack_size,
    start_joinable_thread,
    start_new_thread,
)

__all__ = [
    "error",
    "start_new_thread",
    "exit",
    "get_ident",
    "allocate_lock",
    "interrupt_main",
    "LockType",
    "RLock",
]

error = RuntimeError
LockType = lock

# obsolete, and still in _thread
start_new = start_new_thread
allocate = allocate_lock
exit_thread = exit

for _function in (
    _count, _get_main_thread_ident, _is_main_interpreter, _make_thread_handle, _set_sentinel, _shutdown,
    allocate_lock, daemon_threads_allowed, exit, get_ident, interrupt_main, stack_size,
    start_joinable_thread, start_new_thread,
):  # fmt: skip
    _function.__module__ = __name__
del _function
