"""What a worker process does: take a task, run it, answer; until there is none, or it has done its share."""

from __future__ import annotations

from hasten.multiprocessing._pool import _outcome
from hasten.multiprocessing._pool._ends import BAD_START, ERROR, OK, UNREADABLE, Results, Tasks
from hasten.multiprocessing._transport import _pickler

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
    _serve(tasks, results, most, _pickler.loads, _PoolAnswers(with_traceback))


def serve_executor(
    tasks: Tasks, results: Results, initializer: Any, initargs: Any, most: int | None = None
) -> None:
    """The same for a worker of a ProcessPoolExecutor.

    Its tasks are in two pickles, of the function and of (args, kwargs).  What goes wrong with pickling is
    told as it is.  An initializer that raises is logged, in the words of the standard library.
    """
    try:
        if initializer is not None:
            initializer(*initargs)
    except BaseException as error:
        import logging

        logging.getLogger("concurrent.futures").critical("Exception in initializer:", exc_info=True)
        results.put(BAD_START, tasks.index, _outcome.encode_failure(error))
        return
    _serve(tasks, results, most, _outcome.decode_call, _ExecutorAnswers())


def _serve(tasks: Tasks, results: Results, most: int | None, decode: Any, answers: Any) -> None:
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
    tasks.leave()


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

    def failure(self, error: BaseException) -> list[Any]:
        return _outcome.encode_failure_as_is(error)

    def result(self, value: Any) -> tuple[int, list[Any]]:
        try:
            return OK, _outcome.encode_result(value)
        except BaseException as error:
            return ERROR, self.failure(error)


def _answer(tasks: Tasks, results: Results, kind: int, pieces: list[Any]) -> None:
    """Send a result, whatever signals come meanwhile."""
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
