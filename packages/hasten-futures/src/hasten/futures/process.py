"""The standard library's concurrent.futures.process: ProcessPoolExecutor, on hasten.multiprocessing's engine.

Other private names are forwarded to the standard library's module.

If hasten-multiprocessing is not installed, this module is the interpreter's own, whose ProcessPoolExecutor is
given our Executor as its base and uses our futures.
"""

import sys
from concurrent.futures import process as _stdlib

from hasten.futures import _base

try:
    if _base is _stdlib._base:  # in a subinterpreter: see _subinterpreter.py
        raise ImportError("hasten.futures is not compiled here", name="hasten.futures")
    from hasten.futures._process_executor import (  # noqa: F401 (parts of the module)
        _KILL,
        _TERMINATE,
        ProcessPoolExecutor,
    )
except ImportError as error:
    if not (error.name or "hasten.").startswith("hasten."):
        raise
    _stdlib._base = _base  # type: ignore[attr-defined]
    _stdlib.ProcessPoolExecutor.__bases__ = (_base.Executor,)
    sys.modules[__name__] = _stdlib
else:
    from hasten.futures._published import publish
    from hasten.multiprocessing._pool._worker import serve_executor

    BrokenProcessPool = _stdlib.BrokenProcessPool

    publish(*vars(ProcessPoolExecutor).values())


def _spawn_worker(
    mp_context, call_queue, result_queue, initializer, initargs, max_tasks_per_child, processes, **settings
):
    """Start a worker process and add it to *processes*.

    call_queue: its side of the tasks.  settings: further keyword arguments of serve_executor().
    """
    args = (call_queue, result_queue, initializer, initargs, max_tasks_per_child)
    process = mp_context.Process(target=serve_executor, args=args, kwargs=settings)
    try:
        process.start()
    finally:  # a started process is a worker, even if Ctrl-C has interrupted start()
        if process.pid is not None:
            process._hasten_side, process._hasten_pid = call_queue, process.pid
            processes[process.pid] = process


def __getattr__(name):
    return getattr(_stdlib, name)


def __dir__():
    return sorted({*globals(), *dir(_stdlib)})
