"""BaseManager: starts a server in a child or connects to one, and creates objects in it."""

from __future__ import annotations

import signal
import threading

from hasten.multiprocessing import connection, context, process, util
from hasten.multiprocessing._managers._channel import Peer
from hasten.multiprocessing._managers._protocol import LISTENS, State, Token, _stdlib, published, state_error
from hasten.multiprocessing._managers._proxies import AutoProxy, BaseProxy
from hasten.multiprocessing._managers._references import adopting, authkeys
from hasten.multiprocessing._managers._server import Server, listener_client
from hasten.multiprocessing._transport._addresses import temp_dir_for_child
from hasten.multiprocessing.reduction import for_child_of_ours

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any


@published
class BaseManager(_stdlib.BaseManager):
    """BaseManager(address=None, authkey=None, serializer='pickle', ctx=None, *, shutdown_timeout=1.0)

    address: the server's address: a (host, port) tuple or a path; None for an unused one.
    authkey: the key of the handshake, bytes; None for that of this process.
    serializer: 'pickle' or 'xmlrpclib'.  ctx: the context that starts the server.
    shutdown_timeout: seconds that shutdown() waits for the server to end before it sends SIGTERM, and again
    before SIGKILL.

    Thread-safety: any thread may create objects; start() and shutdown() are for one thread.
    """

    _registry: dict[str, Any] = {}
    _Server: Any = Server
    _process = None

    def __init__(self, address=None, authkey=None, serializer="pickle", ctx=None, *, shutdown_timeout=1.0):
        if authkey is None:
            authkey = process.current_process().authkey
        self._address = address  # the final one from start() on
        self._authkey = process.AuthenticationString(authkey)
        self._state = State()
        self._state.value = State.INITIAL
        self._serializer = serializer
        self._Listener, self._Client = listener_client[serializer]
        self._ctx = ctx or context._default_context.get_context()
        self._shutdown_timeout = shutdown_timeout

    def get_server(self):
        """A Server for this process; its serve_forever() runs it."""
        if self._state.value != State.INITIAL:
            raise state_error(self._state.value)
        return self._Server(self._registry, self._address, self._authkey, self._serializer)

    def connect(self):
        """Use a server that already runs at the address.  Blocks until it has answered."""
        peer = self._peer()
        peer.call_apart("dummy")  # checks the server even if another manager has a connection to it
        util.Finalize(self, _leave, args=(peer,), exitpriority=0)
        self._state.value = State.STARTED

    def start(self, initializer=None, initargs=()):
        """Start the server in a child, which calls initializer(*initargs) first.

        Blocks until the server listens.  ProcessError if it was started before; EOFError if the child ends.
        """
        if self._state.value != State.INITIAL:
            raise state_error(self._state.value)
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        line, writer = connection.Pipe()
        try:
            with writer:
                child = self._process = self._ctx.Process(
                    target=type(self)._run_server,
                    args=(
                        _Sent(self._registry),
                        self._address,
                        self._authkey,
                        self._serializer,
                        writer,
                        initializer,
                        initargs,
                    ),
                )
                child.name = f"{type(self).__name__}-{':'.join(map(str, child._identity))}"
                # Not with an initializer: it may change the temporary directory or the user
                if initializer is None and self._address is None and self._Listener is connection.Listener:
                    child._config.setdefault("tempdir", temp_dir_for_child())
                child.start()
            # The sentinel too: a child forked meanwhile may hold the writing end, so EOF may not come
            connection.wait([line, child.sentinel])
            if not line.poll():
                raise EOFError
            child._line = None
            told = line.recv()
            if type(told) is tuple and told[0] == LISTENS:
                self._address, child._line = told[1], line
            else:
                self._address = told
                line.close()
        except BaseException:
            line.close()
            raise
        self._state.value = State.STARTED
        self.shutdown = util.Finalize(
            self,
            type(self)._finalize_manager,
            args=(
                child,
                self._address,
                self._authkey,
                self._state,
                self._Client,
                self._shutdown_timeout,
            ),
            exitpriority=0,
        )

    @classmethod
    def _run_server(cls, registry, address, authkey, serializer, writer, initializer=None, initargs=()):
        """The main function of the child: make a server, send its address, serve."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the program shuts the server down
        if initializer is not None:
            initializer(*initargs)
        server = cls._Server(registry, address, authkey, serializer)
        _tell_address(server, writer)
        util.info("manager serving at %r", server.address)
        server.serve_forever()

    def _peer(self):
        if self._address is None:
            raise ValueError("address type of None unrecognized: the manager has no server yet")
        authkeys[self._address] = self._authkey
        return Peer(self._address, self._Client, self._authkey)

    def _create(self, typeid, /, *args, **kwds):
        """Create an object; (Token, exposed names).  The caller owns a reference."""
        if self._state.value != State.STARTED:
            raise AssertionError("server not yet started")
        ident, exposed = self._peer().call("create", (typeid, *args), kwds)
        return Token(typeid, self._address, ident), exposed

    def join(self, timeout=None):
        """Block until the server's process has ended, or for *timeout* seconds (None: no limit)."""
        if self._process is not None:
            self._process.join(timeout)
            if not self._process.is_alive():
                self._process = None

    def _debug_info(self):
        """The server's objects, as text."""
        return self._peer().call("debug_info")

    def _number_of_objects(self):
        """The number of the server's objects that have references."""
        return self._peer().call("number_of_objects")

    def __enter__(self):
        if self._state.value == State.INITIAL:
            self.start()
        if self._state.value != State.STARTED:
            raise state_error(self._state.value)
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        shutdown = getattr(self, "shutdown", None)
        if shutdown is not None:  # missing after connect(): the server is not ours to stop
            shutdown()

    @staticmethod
    def _finalize_manager(process, address, authkey, state, _Client, shutdown_timeout):
        """Shut the server down.  Called once: by shutdown(), or at the manager's or interpreter's end."""
        peer = Peer(address, _Client, authkey)
        line = getattr(process, "_line", None)  # a subclass may have its own start()
        if process.is_alive():
            util.info("sending shutdown message to manager")
            if line is None or not _ask_by_the_line(line, process, shutdown_timeout):
                _ask_for_end(peer, shutdown_timeout)
            for harder in (process.terminate, process.kill):
                process.join(timeout=shutdown_timeout)
                if not process.is_alive():
                    break
                util.info("manager still alive; trying to %s() it", harder.__name__)
                harder()
            process.join()
        if line is not None:
            line.close()
        state.value = State.SHUTDOWN
        channel = getattr(peer.tls, "channel", None)
        if channel is not None:
            channel.close()
        BaseProxy._address_to_local.pop(address, None)
        authkeys.pop(address, None)

    @property
    def address(self):
        """The server's address."""
        return self._address

    @classmethod
    def register(
        cls,
        typeid,
        callable=None,
        proxytype=None,
        exposed=None,
        method_to_typeid=None,
        create_method=True,
    ):
        """Register a type: managers of this class get a method *typeid* that creates objects of it.

        callable: makes an object, in the server; may be None for managers that only connect.
        proxytype: a subclass of BaseProxy; AutoProxy by default.
        exposed: names of the methods that proxies may call; by default those of *proxytype*, or else all
        public ones.  method_to_typeid: method name -> typeid, for methods whose result is to be a proxy.
        create_method: whether to add the method to the class.
        """
        if "_registry" not in cls.__dict__:
            cls._registry = cls._registry.copy()
        if proxytype is None:
            proxytype = AutoProxy
        exposed = exposed or getattr(proxytype, "_exposed_", None)
        method_to_typeid = method_to_typeid or getattr(proxytype, "_method_to_typeid_", None)
        for name in [name for pair in (method_to_typeid or {}).items() for name in pair]:
            if type(name) is not str:
                raise AssertionError(f"{name!r} is not a string")
        cls._registry[typeid] = callable, exposed, method_to_typeid, proxytype
        if create_method:
            setattr(cls, typeid, _creator(typeid, proxytype))


class _Sent(dict):
    """A registry to be sent to a server.  If the child may lack this package (loky's context starts plain
    interpreters), its pickle omits the types that only our modules have.
    """

    def __reduce__(self):
        known = dict(self) if for_child_of_ours() else {k: v for k, v in self.items() if _is_known(v[-1])}
        return dict, (known,)


def _is_known(proxytype):
    """Whether a proxy type, or a function that makes proxies, exists in every interpreter."""
    return getattr(proxytype, "__module__", None) != _stdlib.__name__ or hasattr(_stdlib, proxytype.__name__)


def _leave(peer):
    """The finalizer of a manager that has used connect()."""
    if not peer.idset:
        peer.leave()


def _tell_address(server, writer):
    """Send the server's address to the starting process, and let the server accept a request by that pipe."""
    take_line = getattr(server, "_take_line", None)  # a standard library server has none
    listens = take_line is not None and take_line(writer)
    writer.send((LISTENS, server.address) if listens else server.address)
    writer.close()


def _ask_by_the_line(line, process, timeout):
    """Send the shutdown request over the pipe of the start; whether that was possible.

    Blocks until the server has answered or ended, up to *timeout* seconds.
    """
    try:
        line.send((None, "shutdown", (), {}))
    except OSError:
        return False
    connection.wait([line, process.sentinel], timeout)
    return True


def _ask_for_end(peer, timeout):
    """Send the shutdown request over this thread's channel, without waiting for an answer.  If there is no
    channel, over a new connection, for up to *timeout* seconds: a server that is stopped, or out of
    descriptors, does not answer at all.
    """
    try:
        channel = getattr(peer.tls, "channel", None)
        if channel is not None and channel.ours and channel.is_open() and not channel.busy:
            channel.tell((None, "shutdown", (), {}))
            return
    except Exception as error:
        util.info("shutdown message not sent: %s", error)
        return
    asking = threading.Thread(target=_ask_by_a_connection, args=(peer,), daemon=True)
    try:
        asking.start()
    except RuntimeError:  # no more threads
        _ask_by_a_connection(peer)
    else:
        asking.join(timeout)  # the thread ends at the latest with the server


def _ask_by_a_connection(peer):
    try:
        peer.call_apart("shutdown")
    except Exception as error:
        util.info("shutdown message not sent: %s", error)


def _creator(typeid, proxytype):
    """The method of managers that creates an object of the type."""

    def create(self, /, *args, **kwds):
        util.debug("requesting creation of a shared %r object", typeid)
        token, exposed = self._create(typeid, *args, **kwds)
        with adopting(token, self._peer()):
            return proxytype(token, self._serializer, manager=self, authkey=self._authkey, exposed=exposed)

    create.__name__ = typeid
    create.__doc__ = f"A proxy of a new {typeid!r} object."
    return create
