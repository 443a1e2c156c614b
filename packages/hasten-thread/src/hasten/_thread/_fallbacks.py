"""What the interpreter's own _thread lacks on older versions."""

import _thread as interpreter_thread

from hasten._thread._registry import main_thread_ident


def interrupt_main(signum=2, /):
    """Simulate the arrival of a signal in the main thread: its handler runs there soon.

    signum: a signal number, SIGINT by default; ValueError if it is none.  A signal that is ignored or has
    its default action does nothing.
    """
    # 3.9: the interpreter's function takes no number.  `signal` is imported late, because it imports enum,
    # whose import may be waiting for this module.
    import signal

    if not isinstance(signum, int):
        raise TypeError(f"{type(signum).__name__!r} object cannot be interpreted as an integer")
    if not 1 <= signum < signal.NSIG:
        raise ValueError("signal number out of range")
    if signum == signal.SIGINT:
        interpreter_thread.interrupt_main()
    elif callable(signal.getsignal(signum)):
        signal.pthread_kill(main_thread_ident(), signum)


def daemon_threads_allowed():
    """True if the interpreter can have daemon threads."""
    # up to 3.11 every interpreter can
    return True


def is_main_interpreter():
    """True if the calling thread runs in the main interpreter."""
    # this package refuses to be loaded into another one
    return True
