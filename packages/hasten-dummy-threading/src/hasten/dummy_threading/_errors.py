"""The exception of Barrier: the standard library's own class, unless the program has hidden `threading`."""


def broken_barrier_error():
    try:
        import threading
    except ImportError:
        return type("BrokenBarrierError", (RuntimeError,), {"__module__": "hasten.dummy_threading"})
    return threading.BrokenBarrierError


BrokenBarrierError = broken_barrier_error()
