"""Connections between processes: the standard library's `multiprocessing.connection`, compiled."""

import errno
import os
import socket
from multiprocessing import AuthenticationError, BufferTooShort, util  # noqa: F401 (names of the stdlib's)
from multiprocessing import connection as _stdlib

from hasten.multiprocessing import _registries, reduction
from hasten.multiprocessing._transport import _addresses, _auth, _listening, _ring, _ring_pipe, _wire
from hasten.multiprocessing._transport._addresses import (
    address_type,
    arbitrary_address,
    default_family,
    families,  # noqa: F401 (a name of the standard library's)
)
from hasten.multiprocessing._transport._ready import wait

__all__ = ["Client", "Listener", "Pipe", "wait"]

_ConnectionBase = _stdlib._ConnectionBase
_ForkingPickler = _stdlib._ForkingPickler  # looked up for every object
BUFSIZE = _stdlib.BUFSIZE
CONNECTION_TIMEOUT = _stdlib.CONNECTION_TIMEOUT
__getattr__ = _registries.rest_of(__name__, _stdlib)


class Connection(_wire.Connection, _stdlib.Connection):
    """Connection(handle, readable=True, writable=True)

    Sends and receives objects and messages over the descriptor *handle*, which it owns from then on.  The
    other end may be a connection of the standard library.

    Thread-safety: one thread may send while another receives.  Two that send at the same time need a lock,
    and so do two that receive.
    """

    _write = os.write
    _read = os.read


class RingConnection(_ring_pipe.RingConnection, _ConnectionBase):
    """An end of a Pipe(shm=True): a Connection whose messages lie in memory that both sides have mapped.

    fileno() is for waiting only.  Thread-safety: any number of threads and processes may send and receive at
    the same time, and messages stay whole.
    """

    # isinstance() takes it for a Connection, of which it can't be a subclass: the layouts differ.
    __class__ = property(lambda self: Connection)

    def __repr__(self):
        ways = [way for way in ("readable", "writable") if getattr(self, way)]
        return f"<{type(self).__name__} {'closed' if self.closed else ', '.join(ways)}>"


def Pipe(duplex=True, *, shm=False):
    """Two connections that are the ends of a pipe.

    Both can send and receive if *duplex* is true; otherwise the first receives and the second sends.

    shm: true for RingConnection objects, whose messages go through shared memory: several times faster, most
    of all for large ones, and whole whatever is killed.  They are for processes of this family: a plain
    interpreter cannot be at the other end.  Each needs five descriptors (three if not *duplex*).  On a system
    without such memory they are ordinary ones.
    """
    if shm:
        try:
            return _ring_pipe_ends(duplex)
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
    if not duplex:
        reader, writer = os.pipe()
        return Connection(reader, writable=False), Connection(writer, readable=False)
    one, other = socket.socketpair()
    one.setblocking(True)
    other.setblocking(True)
    return Connection(one.detach()), Connection(other.detach())


def _ring_pipe_ends(duplex):
    to_first, to_second = _ring.Ring(), _ring.Ring() if duplex else None
    again = _ring.mapped_again(to_second), _ring.mapped_again(to_first)
    one, other = socket.socketpair()
    return RingConnection(one.detach(), to_first, to_second), RingConnection(other.detach(), *again)


class SocketListener(_stdlib.SocketListener):
    """A socket that is bound to an address and listens there; a path is removed when it is closed."""

    _closed = False  # set before close() looks for acceptors: whoever makes one meanwhile closes it

    def __init__(self, address, family, backlog=1):
        self._socket = socket.socket(getattr(socket, family))
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.setblocking(True)
            with _addresses.reachable(address, family) as where:
                self._socket.bind(where)
            self._socket.listen(backlog)
            self._address = self._socket.getsockname() if where is address else address
        except BaseException:
            self._socket.close()
            raise
        self._family = family
        self._last_accepted = None
        self._acceptors = {}  # by authkey
        self._unlink = None
        if family == "AF_UNIX" and not _addresses.is_abstract(address):
            self._unlink = util.Finalize(self, os.unlink, args=(address,), exitpriority=0)

    def accept(self):
        """A connection to the next client."""
        return self._accept(None)

    def _accept(self, authkey):
        """A connection to the next client that has shown the authkey, if that is not None."""
        client, self._last_accepted = self._acceptor(authkey).accept()
        client.setblocking(True)
        return Connection(client.detach())

    def _acceptor(self, authkey):
        acceptor = self._acceptors.get(authkey)
        if acceptor is None:
            acceptor = self._acceptors.setdefault(authkey, _listening.Acceptor(self._socket, authkey))
            if self._closed:
                acceptor.close()
        return acceptor

    def close(self):
        """Close the socket; who waits in accept() gets an OSError."""
        self._closed = True
        try:
            for acceptor in list(self._acceptors.values()):
                acceptor.close()
            self._socket.close()
        finally:
            unlink, self._unlink = self._unlink, None
            if unlink is not None:
                unlink()


def SocketClient(address):
    """A connection to the socket at an address."""
    family = address_type(address)
    with socket.socket(getattr(socket, family)) as client:
        client.setblocking(True)
        with _addresses.reachable(address, family) as where:
            client.connect(where)
        return Connection(client.detach())


def _check_authkey(authkey):
    if not isinstance(authkey, (bytes, type(None))):
        raise TypeError("authkey should be a byte string")


class Listener(_stdlib.Listener):
    """Listener(address=None, family=None, backlog=1, authkey=None)

    Listens at an address for clients.

    address: a (host, port) tuple, a path, or a name of Linux's abstract namespace ("\\0name"); a path may
    be longer than the kernel's limit.  None for a free one.
    family: 'AF_INET' or 'AF_UNIX'; by default that of the address, or else 'AF_UNIX'.
    backlog: how many clients may wait to be accepted.
    authkey: bytes that clients have to show that they know; None for no question.

    A context manager that closes it.  Thread-safety: all methods, from any thread, and from processes that
    have it by a fork.
    """

    def __init__(self, address=None, family=None, backlog=1, authkey=None):
        if not family:
            family = address_type(address) if address else default_family
        _addresses.check_family(family)
        _check_authkey(authkey)
        self._listener = SocketListener(address or arbitrary_address(family), family, backlog)
        self._authkey = authkey

    def accept(self):
        """A connection to the next client, or to the first that has shown the authkey.

        Blocks until there is one; signal handlers run meanwhile.  A client that does not go on with the
        handshake keeps no other out, and is dropped after 20 seconds.  Raises AuthenticationError for a
        client with another authkey and EOFError or OSError for one that is gone meanwhile: accept() may be
        called again.  OSError if the listener is closed, also while this waits.
        """
        listener, authkey = self._listener, self._authkey
        if listener is None:
            raise OSError("listener is closed")
        if isinstance(listener, SocketListener) and _uses_own_handshake():
            return listener._accept(authkey)
        connection = listener.accept()
        if authkey is not None:
            deliver_challenge(connection, authkey)
            answer_challenge(connection, authkey)
        return connection

    def _admit(self, end):
        """Have accept() return a duplicate of this end of a pipe, too, once it can be read.

        Returns its descriptor, or None where that is not to be had.
        """
        listener = self._listener
        if type(listener) is not SocketListener or not _uses_own_handshake():
            return None
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=os.dup(end.fileno()))
        descriptor = client.fileno()
        listener._acceptor(self._authkey).admit(client)
        return descriptor

    def close(self):
        """Close the listener, and remove its path.  May be called again."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, exc_tb):
        self.close()

    address = property(lambda self: self._listener._address, doc="Where it listens.")
    last_accepted = property(
        lambda self: self._listener._last_accepted, doc="The address of the client accepted last, or None."
    )


def Client(address, family=None, authkey=None):
    """A connection to the listener at an address.

    address, family, authkey: as for Listener.  Blocks until the listener has accepted it, if there is an
    authkey.  Raises OSError (ConnectionRefusedError, FileNotFoundError) if nobody listens there, and
    AuthenticationError if the authkeys differ.
    """
    _addresses.check_family(family or address_type(address))
    _check_authkey(authkey)
    connection = SocketClient(address)
    try:
        if authkey is not None:
            answer_challenge(connection, authkey)
            deliver_challenge(connection, authkey)
    except BaseException:
        connection.close()
        raise
    return connection


# ---- connections that travel ----


def rebuild_connection(df, readable, writable):
    """The connection of a pickle."""
    return Connection(df.detach(), readable, writable)


def reduce_connection(conn):
    """How a connection is pickled: for any interpreter, unless it is for a child that has this package."""
    duplicate = reduction.DupFd(conn.fileno())
    if reduction.for_child_of_ours():
        rebuild = rebuild_connection
    else:
        rebuild = reduction.named_as_in_stdlib("connection", "rebuild_connection")
    return rebuild, (duplicate, conn.readable, conn.writable)


reduction.register(Connection, reduce_connection)


def rebuild_ring_connection(lifeline, incoming, outgoing):
    """The end of a Pipe(shm=True) of a pickle."""
    rings = _ring.unpacked(incoming), _ring.unpacked(outgoing)
    return RingConnection(lifeline.detach(), *rings)


def reduce_ring_connection(conn):
    """How an end of a Pipe(shm=True) is pickled: with a duplicate of each of its descriptors."""
    if conn.closed:
        raise OSError("handle is closed")
    rings = _ring.packed(conn._incoming), _ring.packed(conn._outgoing)
    return rebuild_ring_connection, (reduction.DupFd(conn._handle), *rings)


reduction.register(RingConnection, reduce_ring_connection)


# ---- the handshake ----

MESSAGE_LENGTH = _auth.RANDOM_BYTES
CHALLENGE = _CHALLENGE = _auth.CHALLENGE
WELCOME = _WELCOME = _auth.WELCOME
FAILURE = _FAILURE = _auth.FAILURE
_MD5ONLY_MESSAGE_LENGTH = _auth.OLD_CHALLENGE
_MD5_DIGEST_LEN = _auth.OLD_ANSWER
_get_digest_name_and_payload = _auth.split_digest
_create_response = _auth.answer_to
_verify_challenge = _auth.check_answer


def deliver_challenge(connection, authkey, digest_name="sha256"):
    """Have the other end show that it knows the authkey, or raise AuthenticationError."""
    _auth.check_authkey(authkey)
    _auth.converse(connection, _auth.challenging(authkey, digest_name))


def answer_challenge(connection, authkey):
    """Show the other end that the authkey is known; AuthenticationError if it does not take it."""
    _auth.check_authkey(authkey)
    _auth.converse(connection, _auth.answering(authkey))


_own_handshake = deliver_challenge, answer_challenge


def _uses_own_handshake():
    return (deliver_challenge, answer_challenge) == _own_handshake


# ---- XML in place of pickles ----


class ConnectionWrapper(_stdlib.ConnectionWrapper):
    """A connection whose objects go through *dumps* and *loads*."""

    def __init__(self, conn, dumps, loads):
        self._conn, self._dumps, self._loads = conn, dumps, loads
        for name in ("fileno", "close", "poll", "recv_bytes", "send_bytes"):
            setattr(self, name, getattr(conn, name))

    def send(self, obj):
        self._conn.send_bytes(self._dumps(obj))

    def recv(self):
        return self._loads(self._conn.recv_bytes())


def _xml_dumps(obj):
    from xmlrpc.client import dumps

    return dumps((obj,), allow_none=True).encode("utf-8")


def _xml_loads(data):
    from xmlrpc.client import loads

    return loads(data.decode("utf-8"))[0][0]


class XmlListener(Listener):
    """A Listener whose connections send and receive objects as XML."""

    def accept(self):
        return ConnectionWrapper(Listener.accept(self), _xml_dumps, _xml_loads)


def XmlClient(*args, **kwds):
    """A Client whose connection sends and receives objects as XML."""
    return ConnectionWrapper(Client(*args, **kwds), _xml_dumps, _xml_loads)


_wire.look_in(globals())
