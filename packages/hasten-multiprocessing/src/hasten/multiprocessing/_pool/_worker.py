"""What a worker process does: take a task, run it, answer; until there is none, or it has done its share."""

from __future__ import annotations

import os
import sys

from hasten.multiprocessing._pool import _outcome
from hasten.multiprocessing._pool._by_name import Reader
from hasten.multiprocessing._pool._ends import BAD_START, ERROR, OK, UNREADABLE, Results, Tasks
from hasten.multiprocessing._transport import _pickler
from hasten.multiprocessing._transport._packing import pack

TYPE_CHECKING = False  # typing takes a worker longer to load than all of this
if TYPE_CHECKING:
    from typing import Any


def serve(
    tasks: Tasks, results: Results, initializer: Any, initargs: Any, most: int | None, with_traceback: bool
) -> None:
    """Run in the worker of a Pool.

    Returns when the pool is closed, its process is gone, or *most* tasks are done.
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
    """The same for a worker of a ProcessPoolExecutor.

    Returns, too, when it has more than *max_worker_memory* bytes of resident memory after a call.  Its tasks
    are in two pickles, of the function and of (args, kwargs); what it sends is pickled by *serializer*,
    "pickle" or "cloudpickle".  What goes wrong with pickling is told as it is.  An initializer that raises
    is logged, in the words of the standard library.
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
                    continue  # Ctrl-C is the parent's to deal with
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
    """dumps() and pack(), which pickle what an executor and its workers send."""
    if name == "cloudpickle":
        from hasten.multiprocessing._pool import _by_value

        return _by_value.dumps, _by_value.pack
    return _pickler.dumps, pack


def mapstar(args: Any) -> list[Any]:
    """The results of args[0] for each item of args[1].  Here, so that workers load no more than they need."""
    return list(map(*args))


def starmapstar(args: Any) -> list[Any]:
    """The same with the items as the arguments."""
    return _outcome.run_chunk(*args)


class _PoolAnswers:
    """What a Pool's worker answers: the pieces of a failure; the kind and the pieces of a result."""

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
    """The same of an executor's worker: what cannot be sent is answered by the error that says why."""

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
    """Send a result, whatever signals come meanwhile; instead of one that cannot be sent, the error that says
    why.  If not even that can be sent the error is raised, which ends the worker, and so the task fails."""
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
    """Bytes of physical memory that this process has; where that is not known, the most that it had."""
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
