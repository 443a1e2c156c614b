"""The loop of a worker process: take a task, run it, answer; until the pool ends or the worker's limit is
reached."""

from __future__ import annotations

import os
import sys

from hasten.multiprocessing._pool import _outcome
from hasten.multiprocessing._pool._by_name import Reader
from hasten.multiprocessing._pool._ends import BAD_START, ERROR, OK, UNREADABLE, Results, Tasks
from hasten.multiprocessing._transport import _pickler
from hasten.multiprocessing._transport._packing import pack

TYPE_CHECKING = False  # importing typing takes longer than all of this module
if TYPE_CHECKING:
    from typing import Any


def serve(
    tasks: Tasks, results: Results, initializer: Any, initargs: Any, most: int | None, with_traceback: bool
) -> None:
    """The main function of a Pool's worker.

    Returns when the pool is closed, the parent process is dead, or *most* tasks are done.
    """
    try:
        if initializer is not None:
            initializer(*initargs)
    except BaseException as error:
        results.put(BAD_START, tasks.index, _outcome.encode_failure(error))
        raise
    by_name = Reader().call

    def decode(data: Any) -> Any:
        return by_name(data) if tasks.by_name else _outcome.decode(data)

    _serve(tasks, results, most, decode, _PoolAnswers(with_traceback))


def serve_executor(
    tasks: Tasks,
    results: Results,
    initializer: Any,
    initargs: Any,
    most: int | None = None,
    max_worker_memory: int | None = None,
    serializer: str = "pickle",
) -> None:
    """The main function of a ProcessPoolExecutor's worker.

    Returns as serve(), and after a call with which its resident memory exceeds *max_worker_memory* bytes.  A
    task is two pickles, of the function and of (args, kwargs); results are pickled by *serializer*, "pickle"
    or "cloudpickle".  Errors of pickling are sent unwrapped.  An initializer's exception is logged with the
    standard library's message.
    """
    try:
        answers = _ExecutorAnswers(*serializer_named(serializer))
        if initializer is not None:
            initializer(*initargs)
    except BaseException as error:
        import logging

        logging.getLogger("concurrent.futures").critical("Exception in initializer:", exc_info=True)
        results.put(BAD_START, tasks.index, _outcome.encode_failure(error))
        return
    _serve(tasks, results, most, Reader().call, answers, max_worker_memory)


def _serve(
    tasks: Tasks,
    results: Results,
    most: int | None,
    decode: Any,
    answers: Any,
    most_memory: int | None = None,
) -> None:
    tasks.is_orphan = _is_orphan
    tasks.ready()
    done = 0
    while most is None or done < most:
        func = None
        try:
            call = tasks.take()
            if call is None:
                break
            func, args, kwds = decode(call)
            call = None
            value = func(*args, **kwds)
            args = kwds = None
        except BaseException as error:
            args = kwds = None
            if not tasks.held:
                if isinstance(error, KeyboardInterrupt):
                    continue  # Ctrl-C without a task is ignored: the parent decides
                raise
            kind = ERROR if func is not None else answers.unreadable
            _answer(tasks, results, kind, answers.failure(error))
        else:
            func = None
            _answer(tasks, results, *answers.result(value))
            value = None
        done += 1
        if most_memory is not None and _resident_memory() > most_memory:
            break
    tasks.leave()


def serializer_named(name: str) -> tuple[Any, Any]:
    """The functions dumps() and pack() of a serializer, for an executor and its workers."""
    if name == "cloudpickle":
        from hasten.multiprocessing._pool import _by_value

        return _by_value.dumps, _by_value.pack
    return _pickler.dumps, pack


def mapstar(args: Any) -> list[Any]:
    """The results of args[0] for each item of args[1].  Defined here to spare workers another import."""
    return list(map(*args))


def starmapstar(args: Any) -> list[Any]:
    """As mapstar(), with each item as a tuple of arguments."""
    return _outcome.run_chunk(*args)


class _PoolAnswers:
    """A Pool's encoders: failure() gives the pieces, result() the kind and the pieces."""

    unreadable = ERROR

    def __init__(self, with_traceback: bool) -> None:
        self.with_traceback = with_traceback

    def failure(self, error: BaseException) -> list[Any]:
        return _outcome.encode_failure(error, self.with_traceback)

    def result(self, value: Any) -> tuple[int, list[Any]]:
        try:
            return OK, _outcome.encode_result(value)
        except BaseException as error:
            return ERROR, _outcome.encode_failure(_outcome.not_sent(error, value), False)


class _ExecutorAnswers:
    """An executor's encoders: a result that cannot be pickled is replaced by the pickler's error."""

    unreadable = UNREADABLE

    def __init__(self, dumps: Any, pack: Any) -> None:
        self.dumps, self.pack = dumps, pack

    def failure(self, error: BaseException) -> list[Any]:
        return _outcome.encode_failure_as_is(error, self.dumps)

    def result(self, value: Any) -> tuple[int, list[Any]]:
        try:
            return OK, self.pack(value, _outcome.WORD)
        except BaseException as error:
            return ERROR, self.failure(error)


def _answer(tasks: Tasks, results: Results, kind: int, pieces: list[Any]) -> None:
    """Send a result, in spite of KeyboardInterrupt; if that fails, send the error instead.  If that fails
    too, raise it: the worker ends, and the task fails with it."""
    is_the_reason = False
    while tasks.held:
        try:
            tasks.answer(results, kind, pieces)
        except KeyboardInterrupt:
            continue
        except Exception as error:  # no memory, no descriptor for it
            if is_the_reason:
                raise
            kind, pieces, is_the_reason = ERROR, _outcome.encode_failure(error, False), True


def _resident_memory() -> int:
    """The resident memory of this process in bytes; where that is unknown, its maximum so far."""
    try:
        with open("/proc/self/statm", "rb", 0) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _is_orphan() -> bool:
    from hasten.multiprocessing.process import parent_process

    parent = parent_process()
    return parent is not None and not parent.is_alive()
