"""The standard library's `multiprocessing.process`: the base class of processes, and the current process.

Its variables (`_current_process`, `_children`, ...) are the interpreter's: see _registries.py.
"""

from __future__ import annotations

import os

from hasten.multiprocessing import _registries
from hasten.multiprocessing._registries import process as _stdlib

__all__ = ["BaseProcess", "active_children", "current_process", "parent_process"]

AuthenticationString = _stdlib.AuthenticationString
_exitcode_to_name = _stdlib._exitcode_to_name
__getattr__ = _registries.rest_of(__name__, _stdlib)


def current_process():
    """The process object of this process."""
    return _stdlib._current_process


def parent_process():
    """The process object of the process that started this one; None in the main process."""
    return _stdlib._parent_process


def active_children():
    """The children of this process that have not ended, as a list; those that have are reaped.

    Does not block.  May be called from any thread.
    """
    _cleanup()
    return list(_stdlib._children)


def _cleanup():
    """Reap the children that have ended."""
    for child in list(_stdlib._children):
        popen = child._popen
        if popen is not None and popen.poll() is not None:
            _stdlib._children.discard(child)


def _require(condition, message):
    """AssertionError unless *condition*: the standard library's assertions, effective under -O too."""
    if not condition:
        raise AssertionError(message)


class BaseProcess(_stdlib.BaseProcess):
    """An activity that runs in a process of its own; threading.Thread's counterpart.

    target: called in the child as target(*args, **kwargs); a subclass may override run() instead.
    name: a str; by default "Process-N", with the numbers of all parents.
    daemon: whether it is terminated when this process ends; None to inherit this process's own value.

    Thread-safe in the process that has made the object.  AssertionError in any other process, and for a
    second start(); ValueError after close().
    """

    def __init__(self, group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None):
        _require(group is None, "group argument must be None for now")
        parent = _stdlib._current_process
        self._identity = (*parent._identity, next(_stdlib._process_counter))
        self._config = parent._config.copy()
        self._target, self._args, self._kwargs = target, tuple(args), dict(kwargs or {})
        self._popen, self._closed = None, False
        self._parent_name, self._parent_pid = parent.name, os.getpid()
        self._name = name or f"{type(self).__name__}-{':'.join(map(str, self._identity))}"
        if daemon is not None:
            self.daemon = daemon
        _stdlib._dangling.add(self)

    def run(self):
        """Called in the child: calls the target.  May be overridden."""
        if self._target:
            self._target(*self._args, **self._kwargs)

    def start(self):
        """Start the child, once.  Unless the child is forked, errors of pickling are raised here."""
        self._check_closed()
        _require(self._popen is None, "cannot start a process twice")
        ours = self._parent_pid == os.getpid()
        _require(ours, "can only start a process object created by current process")
        daemon = _stdlib._current_process._config.get("daemon")
        _require(not daemon, "daemonic processes are not allowed to have children")
        _cleanup()
        popen = self._popen = self._Popen(self)
        self._sentinel = popen.sentinel
        # The parent does not need them any more, and they may refer to this object (a reference cycle)
        del self._target, self._args, self._kwargs
        _stdlib._children.add(self)

    def interrupt(self):
        """Send SIGINT to the child, unless it has ended."""
        self._check_closed()
        self._popen.interrupt()

    def terminate(self):
        """Send SIGTERM to the child, unless it has ended."""
        self._check_closed()
        self._popen.terminate()

    def kill(self):
        """Send SIGKILL to the child, unless it has ended."""
        self._check_closed()
        self._popen.kill()

    def join(self, timeout=None):
        """Block until the child has ended, or for *timeout* seconds (None: no limit; 0 or less: not at all).

        Returns None either way.  Releases the GIL; any number of threads may wait for the same child.  Signal
        handlers run; if one raises, so does this call.  ValueError for NaN.
        """
        self._check_closed()
        _require(self._parent_pid == os.getpid(), "can only join a child process")
        _require(self._popen is not None, "can only join a started process")
        if self._popen.wait(timeout) is not None:
            _stdlib._children.discard(self)

    def is_alive(self):
        """Whether the child runs.  Does not block."""
        self._check_closed()
        if self is _stdlib._current_process:
            return True
        _require(self._parent_pid == os.getpid(), "can only test a child process")
        if self._popen is None:
            return False
        if self._popen.poll() is None:
            return True
        _stdlib._children.discard(self)
        return False

    def close(self):
        """Release the object's resources.  ValueError while the child runs."""
        popen = self._popen
        if popen is not None and popen.poll() is None:
            told = "Cannot close a process while it is still running."
            raise ValueError(f"{told} You should first call join() or terminate().")
        self._closed = True
        if popen is not None:
            _stdlib._children.discard(self)
            vars(self).pop("_sentinel", None)
            self._popen = None
            popen.close()

    @property
    def name(self):
        """The name: any str; only for identification."""
        return self._name

    @name.setter
    def name(self, name):
        is_text = isinstance(name, str)
        _require(is_text, "name must be a string")
        self._name = name

    @property
    def daemon(self):
        """Whether the child is terminated when this process ends.  AssertionError if set after start()."""
        return self._config.get("daemon", False)

    @daemon.setter
    def daemon(self, daemonic):
        _require(self._popen is None, "process has already started")
        self._config["daemon"] = daemonic

    @property
    def authkey(self):
        """The key with which related processes authenticate: bytes."""
        return self._config["authkey"]

    @authkey.setter
    def authkey(self, authkey):
        self._config["authkey"] = AuthenticationString(authkey)

    @property
    def exitcode(self):
        """The exit code: None while the child runs, -N if it was ended by signal N.  Does not block."""
        self._check_closed()
        return None if self._popen is None else self._popen.poll()

    @property
    def ident(self):
        """The child's process ID; None before start()."""
        self._check_closed()
        if self is _stdlib._current_process:
            return os.getpid()
        return self._popen and self._popen.pid

    pid = ident

    @property
    def sentinel(self):
        """A descriptor that is readable once the child has ended.  ValueError before start()."""
        self._check_closed()
        try:
            return self._sentinel
        except AttributeError:
            popen = self._popen
            if popen is None:
                raise ValueError("process not started") from None
            # start() was interrupted at its end, or a pool has closed the sentinel of an ended worker
            self._sentinel = popen.sentinel if popen.finalizer.still_active() else popen.new_sentinel()
            return self._sentinel

    def __repr__(self):
        code = None
        if self is _stdlib._current_process:
            state = "started"
        elif self._closed:
            state = "closed"
        elif self._parent_pid != os.getpid():
            state = "unknown"
        elif self._popen is None:
            state = "initial"
        else:
            code = self._popen.poll()
            state = "started" if code is None else "stopped"
        words = [type(self).__name__, f"name={self._name!r}"]
        if self._popen is not None:
            words.append(f"pid={self._popen.pid}")
        words += [f"parent={self._parent_pid}", state]
        if code is not None:
            words.append(f"exitcode={_exitcode_to_name.get(code, code)}")
        if self.daemon:
            words.append("daemon")
        return f"<{' '.join(words)}>"

    def _check_closed(self):
        if self._closed:
            raise ValueError("process object is closed")

    def _Popen(self):
        raise NotImplementedError

    def _bootstrap(self, parent_sentinel=None):
        """Called in the child: become this process, call run(); the exit code."""
        if _registries.is_bootstrap_replaced():
            return _stdlib.BaseProcess._bootstrap(self, parent_sentinel)
        import hasten.multiprocessing._start._forked._child as _child

        return _child.run(self, parent_sentinel)

    @staticmethod
    def _after_fork():
        import multiprocessing.util as util  # not "from", which runs more Python code in the child

        util._finalizer_registry.clear()
        util._run_after_forkers()


class _ParentProcess(BaseProcess, _stdlib._ParentProcess):
    """The process that has started this one."""

    def __init__(self, name, pid, sentinel):
        self._name, self._pid = name, pid
        self._identity, self._config = (), {}
        self._popen = self._parent_pid = None
        self._closed = False
        if sentinel is not None:
            self._sentinel = sentinel

    def __getattr__(self, name):
        # The descriptor is opened at first access, since few children need it
        if name != "_sentinel":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        from hasten.multiprocessing._start import _sentinel

        self._sentinel = _sentinel.sentinel_of_parent(self._pid)
        return self._sentinel

    def is_alive(self):
        """Whether the parent runs.  Does not block."""
        return not self._wait(0)

    @property
    def ident(self):
        """The parent's process ID."""
        return self._pid

    pid = ident

    def join(self, timeout=None):
        """Block until the parent has ended, or for *timeout* seconds (None: no limit)."""
        self._wait(timeout)

    def _wait(self, timeout):
        from hasten.multiprocessing.connection import wait

        return wait([self._sentinel], timeout)


_registries.forward(
    __name__,
    _stdlib,
    "ORIGINAL_DIR",
    "_children",
    "_current_process",
    "_dangling",
    "_parent_process",
    "_process_counter",
)
# As they are made: whoever compares with them may be imported after a program has replaced one.
_ORIGINALS = (BaseProcess._bootstrap, BaseProcess.run)
_AFTER_FORK = BaseProcess._after_fork
