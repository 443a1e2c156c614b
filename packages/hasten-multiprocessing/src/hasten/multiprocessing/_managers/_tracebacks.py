"""The server's traceback goes with an exception, as its cause: in the form that any interpreter reads."""

from __future__ import annotations

import queue
from traceback import format_exception

# Answers rather than errors: programs ask for them in loops, and where they come from says nothing.
ANSWERS = queue.Empty, queue.Full, StopIteration


class Kept:
    """Is pickled in the place of an exception, and unpickled as the exception."""

    def __init__(self, error, text):
        self.error, self.text = error, text

    def __reduce__(self):
        from multiprocessing.pool import rebuild_exc

        return rebuild_exc, (self.error, self.text)


def kept(error):
    """What to send for an exception that a method has raised.

    Where no function of Python has raised it there is no traceback to speak of.
    """
    raised_in = error.__traceback__ and error.__traceback__.tb_next
    if raised_in is None or isinstance(error, ANSWERS):
        return error
    text = "".join(format_exception(type(error), error, raised_in))
    return Kept(error, f'\n"""\n{text}"""')
