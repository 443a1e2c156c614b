"""Sends the server's traceback with an exception, as its cause, in the standard library's format."""

from __future__ import annotations

import queue
from traceback import format_exception

# Expected results rather than errors, often raised in loops: sent without a traceback.
ANSWERS = queue.Empty, queue.Full, StopIteration


class Kept:
    """Wraps an exception with a text; it is unpickled as the exception."""

    def __init__(self, error, text):
        self.error, self.text = error, text

    def __reduce__(self):
        from multiprocessing.pool import rebuild_exc

        return rebuild_exc, (self.error, self.text)


def kept(error):
    """The object to send for an exception that a method has raised.

    If it was raised by C code only, it has no traceback to send.
    """
    raised_in = error.__traceback__ and error.__traceback__.tb_next
    if raised_in is None or isinstance(error, ANSWERS):
        return error
    text = "".join(format_exception(type(error), error, raised_in))
    return Kept(error, f'\n"""\n{text}"""')
