"""What a worker process does: take a task, run it, answer; until there is none, or it has done its share."""

from __future__ import annotations

import itertools
from typing import Any

from hasten.multiprocessing._pool import _outcome
from hasten.multiprocessing._pool._ends import BAD_START, ERROR, OK, Results, Tasks
from hasten.multiprocessing._transport import _pickler


def serve(
    tasks: Tasks, results: Results, initializer: Any, initargs: Any, most: int | None, with_traceback: bool
) -> None:
    """Run in the worker.  Returns when the pool is closed, its process is gone, or *most* tasks are done."""
    try:
        if initializer is not None:
            initializer(*initargs)
    except BaseException as error:
        results.put(BAD_START, tasks.index, _outcome.encode_failure(error))
        raise
    tasks.is_orphan = _is_orphan
    tasks.ready()
    done = 0
    while most is None or done < most:
        try:
            call = tasks.take()
            if call is None:
                break
            func, args, kwds = _pickler.loads(call)
            call = None
            value = func(*args, **kwds)
            func = args = kwds = None
        except BaseException as error:
            func = args = kwds = None
            if not tasks.held:
                if isinstance(error, KeyboardInterrupt):
                    continue  # Ctrl-C is the parent's to deal with
                raise
            _answer(tasks, results, ERROR, _outcome.encode_failure(error, with_traceback))
        else:
            _answer(tasks, results, OK, _encoded(value))
            value = None
        done += 1


def mapstar(args: Any) -> list[Any]:
    """The results of args[0] for each item of args[1].  Here, so that workers load no more than they need."""
    return list(map(*args))


def starmapstar(args: Any) -> list[Any]:
    """The same with the items as the arguments."""
    return list(itertools.starmap(*args))


def _encoded(value: Any) -> Any:
    """The pieces of a result, or what came instead."""
    try:
        return _outcome.encode_result(value)
    except BaseException as error:
        return _outcome.not_sent(error, value)


def _answer(tasks: Tasks, results: Results, kind: int, pieces: Any) -> None:
    """Send a result, whatever signals come meanwhile."""
    if not isinstance(pieces, list):
        kind, pieces = ERROR, _outcome.encode_failure(pieces, False)
    while tasks.held:
        try:
            tasks.answer(results, kind, pieces)
        except KeyboardInterrupt:
            continue
        except Exception as error:  # no memory for it
            kind, pieces = ERROR, _outcome.encode_failure(error, False)


def _is_orphan() -> bool:
    from hasten.multiprocessing.process import parent_process

    parent = parent_process()
    return parent is not None and not parent.is_alive()
