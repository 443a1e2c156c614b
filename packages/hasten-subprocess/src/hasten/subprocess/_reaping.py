"""Children whose Popen was dropped while they ran: they are reaped at the next start.

The list is the standard library's own, so a start in either module reaps the children of both.
"""

import subprocess as _stdlib
import sys
from contextlib import suppress

from hasten.subprocess._shown import shown

_public = sys.modules[__package__]
_active = _stdlib._active


@shown
def _cleanup():
    """Reap those that have ended.  Does not block."""
    active = _public._active
    if not active:
        return
    for popen in active[:]:
        if popen._internal_poll(_deadstate=sys.maxsize) is not None:
            with suppress(ValueError):  # another thread has removed it
                active.remove(popen)
