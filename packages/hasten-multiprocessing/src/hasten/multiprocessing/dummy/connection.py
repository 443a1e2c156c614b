"""Connections between threads, over queues: the standard library's `multiprocessing.dummy.connection`."""

from __future__ import annotations

import importlib

from hasten.queue import Queue

_stdlib = importlib.import_module("multiprocessing.dummy.connection")

__all__ = ["Client", "Listener", "Pipe"]

families = [None]


class Listener(_stdlib.Listener):
    """Accepts the clients that are given its `address`, which is a queue.  A context manager that closes it.

    backlog: how many clients may wait to be accepted.
    """

    def __init__(self, address=None, family=None, backlog=1):
        self._backlog_queue = Queue(backlog)

    def accept(self):
        """A connection to the next client.  Blocks until there is one."""
        return Connection(*self._backlog_queue.get())

    def close(self):
        """Let go of the queue."""
        self._backlog_queue = None

    @property
    def address(self):
        """What Client() is to be given; None once it is closed."""
        return self._backlog_queue

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, exc_tb):
        self.close()


def Client(address):
    """A connection to the listener.  Blocks while its backlog is full."""
    to_us, to_them = Queue(), Queue()
    address.put((to_them, to_us))
    return Connection(to_us, to_them)


def Pipe(duplex=True, *, shm=False):
    """Two connected connections.  Both send and receive, whatever *duplex* is; *shm* makes no difference."""
    one, other = Queue(), Queue()
    return Connection(one, other), Connection(other, one)


class Connection(_stdlib.Connection):
    """An end of a pipe.  Objects are handed over as they are.  A context manager that closes it."""

    def __init__(self, _in, _out):
        self._in, self._out = _in, _out
        self.send = self.send_bytes = _out.put
        self.recv = self.recv_bytes = _in.get

    def poll(self, timeout=0.0):
        """Whether there is something to receive; timeout: seconds to wait for it, None for no limit."""
        if self._in.qsize() > 0:
            return True
        if timeout is not None and timeout <= 0:
            return False
        with self._in.not_empty:
            return bool(self._in.not_empty.wait_for(lambda: self._in.queue, timeout))

    def close(self):
        """Nothing: the other end is not told."""

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, exc_tb):
        self.close()
