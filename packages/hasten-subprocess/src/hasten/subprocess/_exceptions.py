"""The standard library's exceptions, with the texts of 3.15.

The classes have to be the standard library's own, so that all code catches them.  Up to 3.14 str() of a
CalledProcessError quotes a command that is a list, and raises TypeError if returncode is not a number;
importing this module sets 3.15's __str__() in the class.
"""

import signal
import subprocess as _stdlib
import sys


def _words(error):
    status = error.returncode
    if not isinstance(status, int) or status >= 0:
        return f"Command {error.cmd!r} returned non-zero exit status {status}."
    try:
        cause = repr(signal.Signals(-status))
    except ValueError:
        cause = f"unknown signal {-status}"
    return f"Command '{error.cmd}' died with {cause}."


if sys.version_info < (3, 15):
    _stdlib.CalledProcessError.__str__ = _words
