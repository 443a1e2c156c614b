"""The connection of a thread to a server, used for calls, new objects and references.

Invariants:

- A channel belongs to one thread, and to the process that has opened it: a forked child opens its own,
  whether multiprocessing or the program has forked.
- From the first byte of a request to the last byte of its answer the channel is busy.  A nested use, by a
  signal handler or a destructor, does not touch the connection: a call opens another one, and a reference to
  be given back is queued.  Pickling and unpickling are outside that span, since reducers may make calls.
- An exception during a request closes the connection: the answer would be taken for that of the next request.
- References are given back without an answer, so without blocking, if the server is one of ours.
- A channel to a server of ours on the same host (connected by a Unix socket) switches to shared memory after
  SHARE_AFTER calls, if that can be allocated.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from errno import EPIPE

from hasten.multiprocessing import connection as _connection
from hasten.multiprocessing import process, util
from hasten.multiprocessing._managers._protocol import (
    DROP,
    GREETING,
    HELLO,
    SHARE,
    _stdlib,
    convert_to_error,
    dispatch,
)
from hasten.multiprocessing._transport import _exchange, _line, _pickler

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any

_dumps, _loads = _pickler.dumps, _pickler.loads
_Connection = _connection.Connection
SHARE_AFTER = 32  # calls; for fewer the memory does not pay
_life = object()  # identifies this process: replaced after each fork


def _begin_life():
    global _life
    _life = object()


os.register_at_fork(after_in_child=_begin_life)


class _Sending(threading.local):
    """The destination of what this thread pickles.  The class attribute is every thread's initial value."""

    # (address of the server if it is one of ours, else None; whether the other end may lack this package)
    to = None, False


sending = _Sending()


class pickling_for:
    """Context manager: this thread pickles for that address, or, if *plain*, for a plain interpreter."""

    __slots__ = ("before", "now")

    def __init__(self, address, plain):
        self.now = address, plain

    def __enter__(self):
        self.before, sending.to = sending.to, self.now

    def __exit__(self, *exc):
        sending.to = self.before


class Channel:
    """A connection to a server, after "accept_connection".

    connection: anything with send() and recv(); ours: whether the server is one of ours.
    tls: the thread-local object that refers to the channel, or None.
    """

    __slots__ = (
        "_life",
        "_to",
        "_unsent",
        "_until_shared",
        "address",
        "authkey",
        "busy",
        "connection",
        "fast",
        "ours",
        "tls",
    )

    def __init__(self, connection, address, authkey, ours):
        self.fast = type(connection) is _Connection
        self.connection = _line.Line(connection) if self.fast else connection
        self.address, self.authkey, self.ours = address, authkey, ours
        self.busy = False
        self.tls = None
        self._until_shared = SHARE_AFTER if ours and self.fast and _is_local(address) else -1
        self._unsent: deque[Any] = deque()
        self._to = (address, False) if ours else (None, True)
        self._life = _life

    def is_open(self):
        """Whether the channel can be used: it is not closed, and was opened by this process."""
        return self._life is _life and self.connection is not None

    def close(self):
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def _usable(self):
        connection = self.connection
        if connection is None:
            raise OSError("the connection to the manager's server is closed")
        return connection

    def ask(self, request):
        """The answer to a request, (kind, result).  Blocks.  EOFError or OSError if the server is gone."""
        fast = self.fast
        if fast:
            request = self.packed(request)
        connection = self._usable()  # after pickling, which may have called the same server
        self.busy = True
        try:
            if fast:
                connection.send_bytes(request)
                answer = connection.recv_bytes()
            else:
                connection.send(request)
                answer = connection.recv()
        except BaseException:
            self.close()
            raise
        finally:
            self.busy = False
        if self._unsent or self._until_shared >= 0:
            self._after_call()
        return _loads(answer) if fast else answer

    def _after_call(self):
        """Work deferred to the end of a call.  Errors are logged only: the call itself has been answered."""
        try:
            self._until_shared -= 1
            if self._until_shared == 0:
                self._share()
            if self._unsent:
                self._send_unsent()
        except (OSError, EOFError) as error:
            util.debug("after a call of a manager: %s", error)

    def _share(self):
        """Switch to shared memory, if the server accepts.  OSError or EOFError."""
        request, connection = self.packed((None, SHARE, (), {})), self.connection
        exchange = _exchange.Exchange(connection.connection)
        self.busy = True
        try:
            connection.send_bytes(request)
            if _loads(connection.recv_bytes()) != ("#RETURN", True):
                return
            exchange.offer()
            if _loads(connection.recv_bytes()) != ("#RETURN", True):
                return
            connection.go_on_in(exchange)
            self.connection = exchange
        except BaseException:
            self.close()
            raise
        finally:
            self.busy = False
        if self.tls is not None:
            self.tls.connection = exchange

    def tell(self, request):
        """Send a request that has no answer."""
        if self.fast:
            request = self.packed(request)
        connection = self._usable()
        self.busy = True
        try:
            if self.fast:
                connection.send_bytes(request)
            else:
                connection.send(request)
        except BaseException:
            self.close()
            raise
        finally:
            self.busy = False

    def drop(self, ident):
        """Give back a reference: now, or after the current call."""
        self._unsent.append(ident)
        if not self.busy:
            self._send_unsent()

    def _send_unsent(self):
        while self._unsent and self.connection is not None:
            idents = []
            while self._unsent:
                idents.append(self._unsent.popleft())
            self.tell((None, DROP, tuple(idents), {}))

    def packed(self, request):
        """The pickle of a request."""
        before, sending.to = sending.to, self._to  # pickling_for, inlined for speed
        try:
            return _dumps(request)
        finally:
            sending.to = before


def _is_local(address):
    """Whether it is the address of a Unix socket, hence on this host."""
    return isinstance(address, (str, bytes))


class Peer:
    """A server, as seen from this process: how to connect to it, and the channels of the threads.

    tls: the threads' channels; idset: the serials of the proxies that hold references.  Both are those of the
    interpreter's own table, by address.
    """

    __slots__ = ("address", "authkey", "client", "idset", "tls")

    def __init__(self, address, client, authkey, where=None):
        self.address, self.client, self.authkey = address, client, authkey
        self.tls, self.idset = where or places(address)

    def channel(self):
        """This thread's channel, opened if necessary.  Blocks.  OSError, EOFError or AuthenticationError."""
        channel = getattr(self.tls, "channel", None)
        if channel is None or not channel.is_open() or channel.authkey != self.authkey:
            former = channel if channel is not None and channel._life is _life else None
            channel = self.open() if former is None else self.open_again()
            if former is not None:
                channel._unsent.extend(former._unsent)
            self.tls.channel, self.tls.connection = channel, channel.connection
            channel.tls = self.tls
        return channel

    def fresh(self):
        """This thread's channel; opened anew if the server has closed it (another server may run now)."""
        channel = self.channel()
        if channel.fast and not channel.busy and channel.connection.poll(0):
            channel.close()
            return self.channel()
        return channel

    def open(self):
        """A new channel."""
        util.debug("making connection to manager")
        name = process.current_process().name
        thread = threading.current_thread().name
        connection = self.client(self.address, authkey=self.authkey)
        try:
            full = name if thread == "MainThread" else f"{name}|{thread}"
            ours = dispatch(connection, None, "accept_connection", (full,)) == GREETING
            channel = Channel(connection, self.address, self.authkey, ours)
            if ours:
                channel.tell((None, HELLO, (), {}))
        except BaseException:
            connection.close()
            raise
        return channel

    def open_again(self):
        """A new channel in place of a closed one.  BrokenPipeError if the server is gone, as with an open
        one."""
        try:
            return self.open()
        except FileNotFoundError as error:
            raise BrokenPipeError(EPIPE, "the manager's server has ended", self.address) from error

    def _usable(self):
        connection = self.connection
        if connection is None:
            raise OSError("the connection to the manager's server is closed")
        return connection

    def ask(self, request):
        """The answer to a call of an object's method, (kind, result).  Blocks."""
        channel = self.channel()
        if not channel.busy:
            return channel.ask(request)
        channel = self.open()
        try:
            return channel.ask(request)
        finally:
            channel.close()

    def call(self, function, args=(), kwds={}):  # noqa: B006
        """Call one of the server's functions; its result.  Blocks."""
        channel = self.fresh()
        if channel.ours and not channel.busy:
            return self.result(channel.ask((None, function, args, kwds)))
        return self.call_apart(function, args, kwds)

    def call_apart(self, function, args=(), kwds={}):  # noqa: B006
        """call() over a connection for this one call, which works with any server."""
        connection = self.client(self.address, authkey=self.authkey)
        try:
            with pickling_for(None, True):
                return dispatch(connection, None, function, args, kwds)
        finally:
            connection.close()

    def result(self, answer):
        """The result in an answer, or raise its exception."""
        kind, result = answer
        if kind == "#RETURN":
            return result
        try:
            raise convert_to_error(kind, result)
        finally:
            del result, answer

    def tell(self, function, args):
        """Send a message without an answer, if the server is one of ours; whether it is."""
        channel = self.channel()
        if not channel.ours:
            return False
        if channel.busy:
            channel = self.open()
            try:
                channel.tell((None, function, args, {}))
            finally:
                channel.close()
        else:
            channel.tell((None, function, args, {}))
        return True

    def drop(self, ident):
        """Give back a reference."""
        channel = self.channel()
        if channel.ours:
            channel.drop(ident)
        else:
            self.call_apart("decref", (ident,))

    def leave(self):
        """Close this thread's channel once the server has processed all that was sent."""
        channel = getattr(self.tls, "channel", None)
        if channel is None or channel.busy:
            return
        del self.tls.channel
        self.tls.__dict__.pop("connection", None)
        try:
            if channel.ours and channel.is_open():
                channel.ask((None, "dummy", (), {}))
        except (EOFError, OSError):
            pass
        finally:
            channel.close()


def places(address):
    """The interpreter's entry for a server's address: (tls, idset) of Peer."""
    registry = _stdlib.BaseProxy._address_to_local
    with _stdlib.BaseProxy._mutex:
        if address not in registry:
            registry[address] = util.ForkAwareLocal(), _stdlib.ProcessLocalSet()
        return registry[address]
