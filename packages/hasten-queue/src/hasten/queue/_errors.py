"""The exceptions of `queue`: the standard library's own classes, so that old handlers keep working."""

import sys
from queue import Empty, Full

if sys.version_info >= (3, 13):
    from queue import ShutDown
else:

    class ShutDown(Exception):
        """Raised by put() and get() of a queue that was shut down."""

        __module__ = "hasten.queue"


__all__ = ["Empty", "Full", "ShutDown"]
