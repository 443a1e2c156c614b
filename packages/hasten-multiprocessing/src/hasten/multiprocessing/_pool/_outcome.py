"""Encoding and decoding the outcomes of calls between a worker and its parent.

A result is sent as its pickle.  A failure is sent as a pickle of texts that contains the exception's pickle,
so the texts arrive even if the exception cannot be unpickled.

Every worker loads this module, so modules that only failures need are imported in functions.
"""

from __future__ import annotations

import itertools
import pickle
import sys

from hasten.multiprocessing._transport import _pickler
from hasten.multiprocessing._transport._packing import pack, unpack

WORD = 8  # bytes of the number at the beginning of each record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def encode_result(value: Any) -> list[Any]:
    """The pieces of a result; raises the errors of pickling."""
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
    """As encode_failure(), but an exception that cannot be pickled is replaced by the pickler's error.

    The text has both tracebacks.
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
    """The object of a record that is one pickle: a task of a Pool, or a result."""
    return unpack(data, WORD)


def run_chunk(function: Any, chunk: Any) -> list[Any]:
    """The results of a function for tuples of arguments."""
    return list(itertools.starmap(function, chunk))


def standard(name: str) -> Any:
    """A class of the standard library's multiprocessing.pool."""
    import multiprocessing.pool  # noqa: F401 (in sys.modules)

    return getattr(sys.modules["multiprocessing.pool"], name)


def not_sent(reason: BaseException, value: Any) -> Any:
    """A MaybeEncodingError for a value that could not be pickled."""
    return standard("MaybeEncodingError")(_Words(_repr(reason)), _Words(_repr(value)))


def decode_failure(data: Any) -> tuple[bool, BaseException]:
    """(False, the exception); a MaybeEncodingError if that cannot be unpickled here."""
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
    """The exception; raises the errors of unpickling, and TypeError if it is not an exception."""
    error = _pickler.loads(pickled)
    if not isinstance(error, BaseException):
        raise TypeError(f"the exception was unpickled as a {type(error).__name__}")
    return error


def quoted(text: str) -> str:
    """A remote traceback's text in the form in which it is printed as a cause."""
    return f'\n"""\n{text}"""'


class _Words:
    """An object with a given repr()."""

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
