"""Outcomes of calls between processes: what a worker sends, and what its parent makes of it.

A result goes as its pickle.  A failure goes as a pickle of texts with the pickle of the exception in it: so
the texts arrive whatever becomes of the exception.

Each worker loads this module: what only failures need is imported by them.
"""

from __future__ import annotations

import itertools
import pickle
import sys

from hasten.multiprocessing._transport import _pickler
from hasten.multiprocessing._transport._packing import pack, unpack

WORD = 8  # bytes of the number that each record begins with

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def encode_result(value: Any) -> list[Any]:
    """The pieces of a result; raises what its pickling raises."""
    return pack(value, WORD)


def encode_failure(error: BaseException, with_traceback: bool = True) -> list[Any]:
    """The pieces of a failure.  Never raises an Exception."""
    text = traceback_of(error) if with_traceback else None
    try:
        pickled = bytes(_pickler.dumps(error))
    except Exception as reason:
        pickled = bytes(_pickler.dumps(not_sent(reason, error)))
    return [pickle.dumps((text, _repr(error), pickled))]


def encode_failure_as_is(error: BaseException, dumps: Any = _pickler.dumps) -> list[Any]:
    """The same, but an exception that cannot be pickled is replaced by the one that says so.

    The text tells of both.
    """
    text = traceback_of(error)
    try:
        pickled = bytes(dumps(error))
    except Exception as reason:
        text += f"\nThis exception could not be sent:\n\n{traceback_of(reason)}"
        try:
            pickled = bytes(_pickler.dumps(reason))
        except Exception:
            pickled = bytes(_pickler.dumps(pickle.PicklingError(_repr(reason))))
    return [pickle.dumps((text, _repr(error), pickled))]


def decode(data: Any) -> Any:
    """The object of a record that is packed whole: a task of a Pool, or a result."""
    return unpack(data, WORD)


def run_chunk(function: Any, chunk: Any) -> list[Any]:
    """The results of a function for tuples of arguments."""
    return list(itertools.starmap(function, chunk))


def standard(name: str) -> Any:
    """A class of the standard library's multiprocessing.pool."""
    import multiprocessing.pool  # noqa: F401 (in sys.modules)

    return getattr(sys.modules["multiprocessing.pool"], name)


def not_sent(reason: BaseException, value: Any) -> Any:
    """The error of something that could not be pickled."""
    return standard("MaybeEncodingError")(_Words(_repr(reason)), _Words(_repr(value)))


def decode_failure(data: Any) -> tuple[bool, BaseException]:
    """(False, the exception), or a MaybeEncodingError for one that cannot be made here."""
    text, words, pickled = texts_of_failure(data)
    try:
        error = unpickled_exception(pickled)
    except Exception as reason:
        error = standard("MaybeEncodingError")(_Words(_repr(reason)), _Words(words))
    if text is not None:
        error.__cause__ = standard("RemoteTraceback")(quoted(text))
    return False, error


def texts_of_failure(data: Any) -> tuple[Any, str, bytes]:
    """The traceback's text or None, the exception's repr(), and its pickle."""
    return pickle.loads(data)


def unpickled_exception(pickled: bytes) -> BaseException:
    """The exception; raises what its unpickling raises, TypeError for what is none."""
    error = _pickler.loads(pickled)
    if not isinstance(error, BaseException):
        raise TypeError(f"the exception was unpickled as a {type(error).__name__}")
    return error


def quoted(text: str) -> str:
    """The text of a traceback of another process, as it is printed as a cause."""
    return f'\n"""\n{text}"""'


class _Words:
    """Has a given repr()."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __repr__(self) -> str:
        return self.words


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__} object; its repr() raises {type(error).__name__}>"


def traceback_of(error: BaseException) -> str:
    try:
        import traceback

        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:
        return f"{type(error).__name__}\n"
