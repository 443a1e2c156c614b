"""The exceptions of `queue`: the standard library's own classes, so that old handlers keep working."""

from queue import Empty, Full

try:
    from queue import ShutDown
except ImportError:  # up to 3.12

    class ShutDown(Exception):
        """Raised by put() and get() of a queue that was shut down."""

        __module__ = "hasten.queue"


__all__ = ["Empty", "Full", "ShutDown"]
