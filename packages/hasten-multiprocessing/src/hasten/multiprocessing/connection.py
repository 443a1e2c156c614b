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
    """An end of a Pipe(shm=True): a Connection whose messages are in memory that both sides have mapped.

    fileno() is for waiting only.  Thread-safe: any number of threads and processes may send and receive
    concurrently; messages stay whole.
    """

    # For isinstance(); it can't be a subclass of Connection, since the layouts differ
    __class__ = property(lambda self: Connection)

    def __repr__(self):
        ways = [way for way in ("readable", "writable") if getattr(self, way)]
        return f"<{type(self).__name__} {'closed' if self.closed else ', '.join(ways)}>"


def Pipe(duplex=True, *, shm=False):
    """Two connections that are the ends of a pipe.

    Both can send and receive if *duplex* is true; otherwise the first receives and the second sends.

    shm: true for RingConnection objects, whose messages go through shared memory: several times faster, most
    of all large ones, and whole even if a process is killed.  Both ends need hasten and have to be related
    processes.  Each uses five descriptors (three if not *duplex*).  On a system without memfds they are
    ordinary connections.
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

    _closed = False  # set before close() lists the acceptors: _acceptor() closes one made meanwhile

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
        """A connection to the next client; with an authkey, the next that has authenticated."""
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
        """Close the socket; threads that wait in accept() get an OSError."""
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
    be longer than the kernel's limit.  None for an unused one.
    family: 'AF_INET' or 'AF_UNIX'; by default that of the address, or else 'AF_UNIX'.
    backlog: how many clients may wait to be accepted.
    authkey: the key of the handshake, bytes; None for no handshake.

    As a context manager it is closed at the end.  Thread-safe; usable in forked children.
    """

    def __init__(self, address=None, family=None, backlog=1, authkey=None):
        if not family:
            family = address_type(address) if address else default_family
        _addresses.check_family(family)
        _check_authkey(authkey)
        self._listener = SocketListener(address or arbitrary_address(family), family, backlog)
        self._authkey = authkey

    def accept(self):
        """A connection to the next client, or, with an authkey, to the first that has authenticated.

        Blocks until there is one; signal handlers run meanwhile.  A client that stops in the handshake does
        not delay others, and is dropped after 20 seconds.  AuthenticationError for a client with a wrong
        authkey; EOFError or OSError for one that disconnects: accept() may be called again then.  OSError
        if the listener is closed, also during the wait.
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
        """Let accept() return a duplicate of this end of a pipe, too, once it is readable.

        Returns the duplicate's descriptor, or None if the handshake is overridden.
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

    address = property(lambda self: self._listener._address, doc="The listener's address.")
    last_accepted = property(
        lambda self: self._listener._last_accepted, doc="The address of the client accepted last, or None."
    )


def Client(address, family=None, authkey=None):
    """A connection to the listener at an address.

    address, family, authkey: as for Listener.  With an authkey, blocks until the listener has accepted it.
    OSError (ConnectionRefusedError, FileNotFoundError) if there is no listener; AuthenticationError if the
    authkeys differ.
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
    """Unpickle a connection."""
    return Connection(df.detach(), readable, writable)


def reduce_connection(conn):
    """Reduce a connection: to the standard library's class, unless it is for a child with this package."""
    duplicate = reduction.DupFd(conn.fileno())
    if reduction.for_child_of_ours():
        rebuild = rebuild_connection
    else:
        rebuild = reduction.named_as_in_stdlib("connection", "rebuild_connection")
    return rebuild, (duplicate, conn.readable, conn.writable)


reduction.register(Connection, reduce_connection)


def rebuild_ring_connection(lifeline, incoming, outgoing):
    """Unpickle an end of a Pipe(shm=True)."""
    rings = _ring.unpacked(incoming), _ring.unpacked(outgoing)
    return RingConnection(lifeline.detach(), *rings)


def reduce_ring_connection(conn):
    """Reduce an end of a Pipe(shm=True), with a duplicate of each of its descriptors."""
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
    """Challenge the other end to prove that it knows the authkey; AuthenticationError.  Blocks."""
    _auth.check_authkey(authkey)
    _auth.converse(connection, _auth.challenging(authkey, digest_name))


def answer_challenge(connection, authkey):
    """Answer the other end's challenge; AuthenticationError if that is rejected.  Blocks."""
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
