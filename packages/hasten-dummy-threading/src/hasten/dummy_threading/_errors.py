"""The exception of Barrier: the standard library's own class, unless the program has hidden `threading`."""

try:
    from threading import BrokenBarrierError
except ImportError:

    class BrokenBarrierError(RuntimeError):
        """A barrier was broken or reset while a thread was waiting for it."""

        __module__ = "hasten.dummy_threading"


__all__ = ["BrokenBarrierError"]
