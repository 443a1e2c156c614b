"""Running a Thread object inside its start(): one of our class, of threading's, or of hasten.threading's.

While patched() is in force, `start` below is threading.Thread.start, so existing subclasses run inside
start(), too.  Only this file sets the private attributes in which each version's Thread has its state.
Invariant: a thread that has run here has ended for its is_alive() and join(), also after patched().  Our
own Thread has the attributes of 3.14+.
"""

from hasten._dummy_thread import _make_thread_handle, get_native_id
from hasten._dummy_thread._locks import StrictLock
from hasten.dummy_threading import _running


def start(self):
    """Run the thread, to its end."""
    check(self)
    context = getattr(self, "_context", None)  # 3.14+
    if context is None:
        context = _running.context_for_new_thread()
    _running.run_inside_start(self, context, begin, end)


def check(thread):
    """RuntimeError if the thread cannot be started."""
    if not thread._initialized:
        problem = "thread.__init__() not called"
    elif thread._started.is_set():
        problem = "threads can only be started once"
    else:
        return
    raise RuntimeError(problem)


def run_timer(self):
    """Call the function of a Timer at once, unless cancel() was called."""
    if not self.finished.is_set():
        self.function(*self.args, **self.kwargs)
    self.finished.set()


# The attribute with the join handle: 3.14+ (and hasten.threading), 3.13.  Up to 3.12 there is none.
HANDLES = ("_os_thread_handle", "_handle")


def begin(thread, ident):
    """Mark the thread as running, with the identifier *ident*."""
    thread._ident = ident
    thread._native_id = get_native_id()
    for name in HANDLES:
        if hasattr(thread, name):
            setattr(thread, name, _make_thread_handle(ident))
            break
    else:
        thread._tstate_lock = StrictLock()
        thread._tstate_lock.acquire()
    thread._started.set()


def end(thread):
    """Mark the thread as ended."""
    for name in HANDLES:
        if hasattr(thread, name):
            getattr(thread, name)._set_done()
            return
    thread._is_stopped = True
    thread._tstate_lock = None
