# cython: freethreading_compatible=True
"""Timer."""

from hasten.dummy_threading._thread cimport Thread

from hasten.dummy_threading._event import Event


cdef class Timer(Thread):
    """Timer(interval, function, args=None, kwargs=None)
--

    A thread that calls a function, inside its start() and without letting any time pass.

    interval: seconds that a real timer would wait; only kept.  function: called with *args* and *kwargs*.
    """
    cdef public object interval
    cdef public object function
    cdef public object args
    cdef public object kwargs
    cdef public object finished

    def __init__(self, interval, function, args=None, kwargs=None):
        Thread.__init__(self)
        self.finished = Event()
        self.function, self.interval = function, interval
        self.kwargs = {} if kwargs is None else kwargs
        self.args = [] if args is None else args

    def cancel(self):
        """Have the function not called.  Too late after start()."""
        self.finished.set()

    def run(self):
        """Call the function, unless cancel() was called."""
        if not self.finished.is_set():
            self.function(*self.args, **self.kwargs)
        self.finished.set()
