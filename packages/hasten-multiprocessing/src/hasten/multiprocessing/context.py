"""The standard library's `multiprocessing.context`: start methods, and the constructors bound to them.

The state is the interpreter's: the default context, registered contexts, the reducer and the Popen that is
pickling.  The classes are ours.  Where the state refers to one of the interpreter's three contexts, we show
ours of the same name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from importlib import import_module

from hasten.multiprocessing import _registries, process
from hasten.multiprocessing._registries import context as _stdlib

__all__ = ()

ProcessError = _stdlib.ProcessError
BufferTooShort = _stdlib.BufferTooShort
TimeoutError = _stdlib.TimeoutError
AuthenticationError = _stdlib.AuthenticationError
__getattr__ = _registries.rest_of(__name__, _stdlib)


class BaseContext(_stdlib.BaseContext):
    """A start method, with the constructors of the objects that are bound to it."""

    active_children = staticmethod(process.active_children)
    current_process, parent_process = map(staticmethod, (process.current_process, process.parent_process))

    def cpu_count(self):
        """The number of CPUs of the machine; NotImplementedError where it is unknown."""
        count = os.cpu_count()
        if count is None:
            raise NotImplementedError("cannot determine number of cpus")
        return count

    def Manager(self):
        """A manager, with its server process running."""
        from hasten.multiprocessing.managers import SyncManager

        manager = SyncManager(ctx=self.get_context())
        manager.start()
        return manager

    def Pipe(self, duplex=True, *, shm=False):
        """Two connected Connection objects; without *duplex*, the first one receives and the other sends.

        shm: true for connections through shared memory, see connection.Pipe().
        """
        from hasten.multiprocessing.connection import Pipe

        return Pipe(duplex, shm=shm)

    def Lock(self):
        """A lock between processes."""
        return self._part("synchronize").Lock(ctx=self.get_context())

    def RLock(self):
        """A recursive lock between processes."""
        return self._part("synchronize").RLock(ctx=self.get_context())

    def Condition(self, lock=None):
        """A condition variable; *lock*: a Lock or RLock of this context, by default a new RLock."""
        return self._part("synchronize").Condition(lock, ctx=self.get_context())

    def Semaphore(self, value=1):
        """A semaphore that starts with *value*."""
        return self._part("synchronize").Semaphore(value, ctx=self.get_context())

    def BoundedSemaphore(self, value=1):
        """A semaphore that never exceeds *value*."""
        return self._part("synchronize").BoundedSemaphore(value, ctx=self.get_context())

    def Event(self):
        """A flag between processes."""
        return self._part("synchronize").Event(ctx=self.get_context())

    def Barrier(self, parties, action=None, timeout=None):
        """A barrier for *parties* processes."""
        return self._part("synchronize").Barrier(parties, action, timeout, ctx=self.get_context())

    def Queue(self, maxsize=0, *, strict=False):
        """A queue between processes.

        maxsize: number of items, 0 for no limit.  strict: whether put() raises the errors of pickling.
        """
        options = {"strict": True} if strict else {}  # a program's replacement class may lack the parameter
        return self._part("queues").Queue(maxsize, ctx=self.get_context(), **options)

    def JoinableQueue(self, maxsize=0):
        """A Queue with task_done() and join()."""
        return self._part("queues").JoinableQueue(maxsize, ctx=self.get_context())

    def SimpleQueue(self):
        """A queue with little more than put() and get()."""
        return self._part("queues").SimpleQueue(ctx=self.get_context())

    def Pool(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None):
        """A pool of worker processes."""
        from hasten.multiprocessing.pool import Pool

        return Pool(processes, initializer, initargs, maxtasksperchild, context=self.get_context())

    def RawValue(self, typecode_or_type, *args):
        """A ctypes object in shared memory."""
        return self._part("sharedctypes").RawValue(typecode_or_type, *args)

    def RawArray(self, typecode_or_type, size_or_initializer):
        """A ctypes array in shared memory."""
        return self._part("sharedctypes").RawArray(typecode_or_type, size_or_initializer)

    def Value(self, typecode_or_type, *args, lock=True):
        """A ctypes object in shared memory, with a lock."""
        return self._part("sharedctypes").Value(typecode_or_type, *args, lock=lock, ctx=self.get_context())

    def Array(self, typecode_or_type, size_or_initializer, *, lock=True):
        """A ctypes array in shared memory, with a lock."""
        return self._part("sharedctypes").Array(
            typecode_or_type, size_or_initializer, lock=lock, ctx=self.get_context()
        )

    def freeze_support(self):
        """In a frozen program that was started as a child: run the child, and exit."""
        if getattr(sys, "frozen", False) and self.get_start_method(allow_none=True) in ("spawn", None):
            from hasten.multiprocessing.spawn import freeze_support

            freeze_support()

    def get_logger(self):
        """The logger of multiprocessing; made by the first call."""
        from hasten.multiprocessing.util import get_logger

        return get_logger()

    def log_to_stderr(self, level=None):
        """Let the logger print to sys.stderr, from *level* on; returns the logger."""
        from hasten.multiprocessing.util import log_to_stderr

        return log_to_stderr(level)

    def allow_connection_pickling(self):
        """Let connections and sockets be sent to other processes."""
        from hasten.multiprocessing import connection  # noqa: F401

    def set_executable(self, executable):
        """Set the Python to start children with, under spawn and forkserver: a str, bytes or path."""
        from hasten.multiprocessing.spawn import set_executable

        set_executable(executable)

    def set_forkserver_preload(self, module_names, *, on_error="ignore"):
        """Set the modules that the fork server imports before its first child: a list of str.

        on_error: what happens when one cannot be imported.  "ignore"; "warn": the server gives an
        ImportWarning; "fail": it ends with a traceback, and start() raises EOFError or OSError.
        """
        from hasten.multiprocessing.forkserver import set_forkserver_preload

        if on_error not in ("ignore", "warn", "fail"):
            raise ValueError(f"on_error must be 'ignore', 'warn', or 'fail', not {on_error!r}")
        if on_error == "ignore":
            set_forkserver_preload(module_names)
        elif sys.version_info >= (3, 15):
            set_forkserver_preload(module_names, on_error=on_error)
        else:
            from hasten.multiprocessing._start import _preload

            set_forkserver_preload(module_names)  # which checks them
            set_forkserver_preload(_preload.told_to(module_names, on_error))

    def get_context(self, method=None):
        """The context of a start method; this one for None.  ValueError if there is none of that name."""
        if method is None:
            return self
        try:
            found = _concrete_contexts[method]
        except KeyError:
            raise ValueError(f"cannot find context for {method!r}") from None
        found._check_available()
        return found

    def get_start_method(self, allow_none=False):
        """The name of the start method."""
        return self._name

    def set_start_method(self, method, force=False):
        """ValueError: only the default context can be set."""
        raise ValueError("cannot set start method of concrete context")

    @property
    def reducer(self):
        """The module or AbstractReducer by which objects are pickled for other processes."""
        return _own_reduction(getattr(_stdlib, "reduction", None))

    @reducer.setter
    def reducer(self, reduction):
        _stdlib.reduction = _interpreters_reduction(reduction)

    def _check_available(self):
        pass

    def _part(self, name):
        """Our module *name*, or the standard library's if the children may lack hasten."""
        if children_may_lack_hasten(self.get_context()):
            from hasten.multiprocessing import _plain

            return getattr(_plain, name)
        return import_module(f"hasten.multiprocessing.{name}")


def children_may_lack_hasten(context) -> bool:
    """Whether the context's children run under another executable, set by set_executable()."""
    name = getattr(context, "_name", None)
    if name not in ("spawn", "forkserver") or "multiprocessing.spawn" not in sys.modules:
        return False
    from hasten.multiprocessing._start import _command

    return _command.is_foreign()


class Process(process.BaseProcess, _stdlib.Process):
    """A process that is started by the default start method."""

    _start_method = None

    @staticmethod
    def _Popen(process_obj):
        return _default_context.get_context().Process._Popen(process_obj)

    @staticmethod
    def _after_fork():
        kind = _default_context.get_context().Process
        getattr(kind, "_after_fork", process.BaseProcess._after_fork)()  # 3.9 has no such method


class DefaultContext(BaseContext, _stdlib.DefaultContext):
    """The context whose start method may be set, once; the interpreter's default context keeps it."""

    Process = Process

    def __init__(self, context=None):
        if context is not None:
            _registries.set_default(context)

    @property
    def _actual_context(self):
        return ours(_stdlib._default_context._actual_context)

    @_actual_context.setter
    def _actual_context(self, context):
        _stdlib._default_context._actual_context = theirs(context)

    @property
    def _default_context(self):
        return ours(_stdlib._default_context._default_context)

    @_default_context.setter
    def _default_context(self, context):
        _stdlib._default_context._default_context = theirs(context)

    def get_context(self, method=None):
        """The context of a start method; None for the default one, which is fixed by this call."""
        if method is not None:
            return super().get_context(method)
        if self._actual_context is None:
            self._actual_context = self._default_context
        return self._actual_context

    def set_start_method(self, method, force=False):
        """Set the default start method.  RuntimeError if it is fixed already, unless *force*."""
        if self._actual_context is not None and not force:
            raise RuntimeError("context has already been set")
        self._actual_context = None if method is None and force else self.get_context(method)

    def get_start_method(self, allow_none=False):
        """The default start method, which is fixed by this call; with *allow_none*, None if it is not yet."""
        if self._actual_context is None and allow_none:
            return None
        return self.get_context()._name

    def get_all_start_methods(self):
        """The names of the start methods of this system, the default first."""
        default = self._default_context._name
        return [default, *(name for name in _concrete_contexts if name != default)]


class ForkProcess(process.BaseProcess, _stdlib.ForkProcess):
    """A process that is started by fork(), as a copy of its parent."""

    _start_method = "fork"

    @staticmethod
    def _Popen(process_obj):
        import hasten.multiprocessing.popen_fork as popen_fork  # not from: that runs more code

        return popen_fork.Popen(process_obj)


class SpawnProcess(process.BaseProcess, _stdlib.SpawnProcess):
    """A process that is a new interpreter."""

    _start_method = "spawn"

    @staticmethod
    def _Popen(process_obj):
        from hasten.multiprocessing import popen_spawn_posix

        return popen_spawn_posix.Popen(process_obj)

    @staticmethod
    def _after_fork():
        pass  # it was not forked


class ForkServerProcess(process.BaseProcess, _stdlib.ForkServerProcess):
    """A process that is forked by a server without threads."""

    _start_method = "forkserver"

    @staticmethod
    def _Popen(process_obj):
        from hasten.multiprocessing import popen_forkserver

        return popen_forkserver.Popen(process_obj)


class ForkContext(BaseContext, _stdlib.ForkContext):
    """The start method "fork"."""

    _name = "fork"
    Process = ForkProcess


class SpawnContext(BaseContext, _stdlib.SpawnContext):
    """The start method "spawn"."""

    _name = "spawn"
    Process = SpawnProcess


class ForkServerContext(BaseContext, _stdlib.ForkServerContext):
    """The start method "forkserver"."""

    _name = "forkserver"
    Process = ForkServerProcess

    def _check_available(self):
        if not getattr(_registries.REDUCTION, "HAVE_SEND_HANDLE", True):
            raise ValueError("forkserver start method not available")


_OURS = {"fork": ForkContext(), "spawn": SpawnContext(), "forkserver": ForkServerContext()}
_THEIRS = {name: _stdlib._concrete_contexts.get(name) for name in _OURS}


def ours(context):
    """Our context for one of the interpreter's three; any other context, and None, as it is."""
    for name, theirs in _THEIRS.items():
        if theirs is context is not None:
            return _OURS[name]
    return context


def theirs(context):
    """The interpreter's context for one of our three."""
    for name, own in _OURS.items():
        if own is context:
            return _THEIRS[name]
    return context


class _Contexts(MutableMapping):
    """The interpreter's contexts by name, ours in the place of its three.  Setting one sets it for all."""

    def __getitem__(self, name):
        return ours(_stdlib._concrete_contexts[name])

    def __setitem__(self, name, context):
        _stdlib._concrete_contexts[name] = theirs(context)

    def __delitem__(self, name):
        del _stdlib._concrete_contexts[name]

    def __iter__(self):
        return iter(_stdlib._concrete_contexts)

    def __len__(self):
        return len(_stdlib._concrete_contexts)

    def __repr__(self):
        return repr(dict(self))


_concrete_contexts = _Contexts()
_default_context = DefaultContext()
_force_start_method = _stdlib._force_start_method
_tls = _stdlib._tls


def get_spawning_popen():
    """The Popen for whose child this thread is pickling, or None."""
    return getattr(_tls, "spawning_popen", None)


def set_spawning_popen(popen):
    """Set the Popen for whose child this thread is pickling; None at the end."""
    _tls.spawning_popen = popen


def assert_spawning(obj):
    """RuntimeError unless this thread is pickling for a child that it starts."""
    if get_spawning_popen() is None:
        raise RuntimeError(
            f"{type(obj).__name__} objects should only be shared between processes through inheritance"
        )


def _own_reduction(reduction):
    """Our module for the interpreter's; a program's own reducer unchanged."""
    if reduction is not _registries.REDUCTION:
        return reduction
    return import_module("hasten.multiprocessing.reduction")


def _interpreters_reduction(reduction):
    """The interpreter's module for ours, since nothing is replaced then; a program's own reducer
    unchanged."""
    ours = sys.modules.get("hasten.multiprocessing.reduction")
    return _registries.REDUCTION if reduction is ours is not None else reduction


_registries.forward(__name__, _stdlib, "reduction", shown=_own_reduction, kept=_interpreters_reduction)

if type(_registries.process._current_process) in (_stdlib.Process, _stdlib.SpawnProcess):
    # This process was spawned before our classes were imported
    _current = _registries.process._current_process
    _current.__class__ = globals()[type(_current).__name__]
    del _current
