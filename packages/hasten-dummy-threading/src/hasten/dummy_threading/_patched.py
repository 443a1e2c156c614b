"""patched(): code that uses the standard library's `threading` runs its threads inside start().

What is replaced, and restored when the outermost patched() is left:

* start() of threading.Thread and run() of threading.Timer, so that existing subclasses run this way, too;
* in `threading`, the classes that wait and the functions that list threads; in `_thread`, the functions that
  start threads; in `queue`, the classes that would block;
* the same in the modules of hasten that stand for those three;
* in every other module, globals that are one of those objects (`from threading import Lock`).

A module that is first imported meanwhile binds our objects; these are replaced by the originals at the end.
"""

import sys
import warnings
from contextlib import ContextDecorator
from importlib import import_module
from types import ModuleType

import hasten._dummy_thread as dummy_thread
import hasten.dummy_threading as dummy_threading
from hasten._dummy_thread._waits import set_sleeping
from hasten.dummy_threading import _running, _starting

CLASSES = (
    "Lock",
    "RLock",
    "Condition",
    "Event",
    "Semaphore",
    "BoundedSemaphore",
    "Barrier",
    "local",
)
STARTERS = ("start_new_thread", "start_new", "start_joinable_thread")
LEFT_ALONE = ("hasten.", "importlib.", "_frozen_importlib")
MISSING = object()

entered: list = []  # for each patched() that was entered, the options to restore
change = None  # the replacements of the outermost of them


class patched(ContextDecorator):
    """A context manager, or decorator: meanwhile threads run to their end inside start(), and nothing blocks.

    sleep: if true, a wait with a timeout sleeps that time; if false, the default, it returns at once.
    reraise: if true, start() raises what the thread raises; if false, the default, that is passed to
    threading.excepthook.

    It applies to the whole process, and nests; the innermost options are in force.  Make the objects under
    test inside it: a lock or queue made before is real.
    """

    def __init__(self, *, sleep=False, reraise=False):
        self.options = sleep, reraise

    def __enter__(self):
        global change
        if change is None:
            change = Change()
        entered.append(set_options(*self.options))

    def __exit__(self, *exc_info):
        global change
        set_options(*entered.pop())
        if not entered and change is not None:
            change.undo()
            change = None


def set_options(sleep, reraise):
    """Set the options; returns the previous ones."""
    return set_sleeping(sleep), _running.set_reraising(reraise)


class Change:
    """All replacements, made by __init__(); undo() restores the originals."""

    def __init__(self):
        self.before: list = []  # (module or class, name, original), in the order of the changes
        self.ours: dict = {}  # id of an original -> ours
        self.originals: dict = {}  # id of ours -> the original
        self.modules = set(sys.modules)
        try:
            for module in modules_called("_thread"):
                self.replace(module, {name: getattr(dummy_thread, name) for name in STARTERS})
            for module in modules_called("queue"):
                self.replace(module, queues(module))
            for module in threading_modules():
                self.put(module.Thread, "start", _starting.start)
                self.put(module.Timer, "start", _starting.start)  # hasten's Timer overrides start()
                self.put(module.Timer, "run", _starting.run_timer)
                self.replace(module, names_of(module))
            self.put(dummy_threading, "excepthook", lambda args: sys.modules["threading"].excepthook(args))
            self.replace_elsewhere(self.ours, self.modules)
        except BaseException:
            self.undo()
            raise

    def replace(self, module, new):
        """Put *new*, a dict of our objects by name, into the module where it has such names."""
        for name, ours in new.items():
            original = vars(module).get(name, ours)
            if original is not ours:
                # one object may have two names: the first one counts, not _allocate_lock or currentThread
                self.ours.setdefault(id(original), ours)
                self.originals.setdefault(id(ours), original)
                self.put(module, name, ours)

    def replace_elsewhere(self, wanted, module_names):
        """Replace globals of those modules whose id is a key of *wanted* by its value."""
        for module in [sys.modules.get(name) for name in module_names]:
            if isinstance(module, ModuleType) and not vars(module).get("__name__", "").startswith(LEFT_ALONE):
                for name, value in list(vars(module).items()):
                    if id(value) in wanted:
                        self.put(module, name, wanted[id(value)])

    def put(self, owner, name, value):
        self.before.append((owner, name, vars(owner).get(name, MISSING)))
        assign(owner, name, value)

    def undo(self):
        before, self.before = self.before, []
        self.replace_elsewhere(self.originals, set(sys.modules) - self.modules)
        for owner, name, value in reversed(before):
            assign(owner, name, value)


def assign(owner, name, value):
    if value is MISSING:
        delattr(owner, name)
    elif isinstance(owner, ModuleType):
        vars(owner)[name] = value  # not setattr(), which a lazy module may override
    else:
        setattr(owner, name, value)


def modules_called(name):
    """The module that is imported by that name, and hasten's if that is another one and loaded."""
    found = [import_module(name)]
    hastens = sys.modules.get("hasten." + name)
    return found if hastens in (None, *found) else [*found, hastens]


def threading_modules():
    """All modules called `threading`: hasten's may stand for it, while queue.Queue uses the original."""
    found = modules_called("threading")
    for kind in import_module("queue").Queue.__mro__:
        used = getattr(kind.__init__, "__globals__", {}).get("threading")
        if used is not None and used not in found:
            found.append(used)
    return found


def queues(queue):
    """The classes for `queue`: our SimpleQueue, and the standard library's others, written in Python."""
    from hasten.dummy_threading._queue import SimpleQueue

    new = {"SimpleQueue": SimpleQueue}
    for name in "Queue", "LifoQueue", "PriorityQueue":
        # The last of that name: hasten's class precedes the standard library's, and may say the same name.
        new[name] = next(kind for kind in reversed(getattr(queue, name).__mro__) if kind.__name__ == name)
    return new


def names_of(threading):
    """Our objects for `threading`, by name.  In real threads the functions call the original ones."""
    current_thread_before, enumerate_before = threading.current_thread, threading.enumerate

    def current_thread():
        """The Thread object of the calling code."""
        inner = _running.inner_thread()
        return current_thread_before() if inner is None else inner

    def enumerate():
        """A list of the running Thread objects."""
        return [*enumerate_before(), *_running.inner_threads()]

    def active_count():
        """The number of running threads."""
        return len(enumerate())

    def deprecated(function, old):
        def call():
            text = f"{old}() is deprecated, use {function.__name__}() instead"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            return function()

        return call

    return {
        **{name: getattr(dummy_threading, name) for name in CLASSES},
        "get_ident": dummy_thread.get_ident,
        "current_thread": current_thread,
        "currentThread": deprecated(current_thread, "currentThread"),
        "enumerate": enumerate,
        "active_count": active_count,
        "activeCount": deprecated(active_count, "activeCount"),
        "_allocate_lock": dummy_threading.Lock,  # used by wait() of a subclass of the real Condition
    }
