"""Outcomes of calls between processes: what a worker sends, and what its parent makes of it.

A result goes as its pickle.  A failure goes as a pickle of texts with the pickle of the exception in it: so
the texts arrive whatever becomes of the exception.
"""

from __future__ import annotations

import multiprocessing.pool  # noqa: F401 (in sys.modules)
import pickle
import sys
import traceback
from typing import Any

from hasten.multiprocessing._transport import _pickler

_stdlib = sys.modules["multiprocessing.pool"]
MaybeEncodingError: Any = _stdlib.MaybeEncodingError
RemoteTraceback: Any = _stdlib.RemoteTraceback


def encode_result(value: Any) -> list[Any]:
    """The pieces of a result; raises what its pickling raises."""
    return _pickler.dump_pieces(value)


def encode_failure(error: BaseException, with_traceback: bool = True) -> list[Any]:
    """The pieces of a failure.  Never raises an Exception."""
    text = _traceback_of(error) if with_traceback else None
    try:
        pickled = bytes(_pickler.dumps(error))
    except Exception as reason:
        pickled = bytes(_pickler.dumps(not_sent(reason, error)))
    return [pickle.dumps((text, _repr(error), pickled))]


def not_sent(reason: BaseException, value: Any) -> Any:
    """The error of something that could not be pickled."""
    return MaybeEncodingError(_Words(_repr(reason)), _Words(_repr(value)))


def decode_result(data: Any) -> tuple[bool, Any]:
    """(True, the result), or (False, the error) if it cannot be made here."""
    try:
        return True, _pickler.loads(data)
    except Exception as error:
        return False, error


def decode_failure(data: Any) -> tuple[bool, BaseException]:
    """(False, the exception), or a MaybeEncodingError for one that cannot be made here."""
    text, words, pickled = pickle.loads(data)
    try:
        error = _pickler.loads(pickled)
        if not isinstance(error, BaseException):
            raise TypeError(f"the exception was unpickled as a {type(error).__name__}")
    except Exception as reason:
        error = MaybeEncodingError(_Words(_repr(reason)), _Words(words))
    if text is not None:
        error.__cause__ = RemoteTraceback(f'\n"""\n{text}"""')
    return False, error


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


def _traceback_of(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:
        return f"{type(error).__name__}\n"
