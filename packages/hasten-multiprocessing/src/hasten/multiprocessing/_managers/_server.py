"""The server of a manager: it holds the objects, and a thread for each connection calls their methods.

Invariants:

- An object lives as long as it has references.  They are counted under `mutex`; objects are made and
  deallocated outside of it, since that runs their code.
- Every error of a request is answered; the end of a connection ends its thread only.
- Forked children of the server close its connections: clients notice the server's end.
"""

from __future__ import annotations

import os
import sys
import time
from collections import ChainMap, deque
from multiprocessing import AuthenticationError
from traceback import format_exc

from hasten import threading
from hasten.multiprocessing import connection, process, util
from hasten.multiprocessing._managers import _tracebacks
from hasten.multiprocessing._managers._channel import pickling_for
from hasten.multiprocessing._managers._protocol import (
    DROP,
    GREETING,
    HELLO,
    HOLD,
    LET_GO,
    PROXY_TYPE,
    SHARE,
    Token,
    _stdlib,
    public_methods,
    published,
)
from hasten.multiprocessing._transport import _exchange, _line, _pickler

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any

HOLD_TIME = 600.0  # seconds for which a pickle's reference is kept after its sender is gone

# Serializer -> (listener, client), including those registered with the standard library's module.
listener_client = ChainMap(
    {
        "pickle": (connection.Listener, connection.Client),
        "xmlrpclib": (connection.XmlListener, connection.XmlClient),
    },
    _stdlib.listener_client,
)


@published
class Server(_stdlib.Server):
    """Server(registry, address, authkey, serializer)

    Listens at the address at once, and answers clients once serve_forever() is called.
    """

    public = [
        "shutdown",
        "create",
        "accept_connection",
        "get_methods",
        "debug_info",
        "number_of_objects",
        "dummy",
        "incref",
        "decref",
    ]

    def __init__(self, registry, address, authkey, serializer):
        if not isinstance(authkey, bytes):
            raise TypeError(f"Authkey {authkey!r} is type {type(authkey)!s}, not bytes")
        self.registry = registry
        self.authkey = process.AuthenticationString(authkey)
        Listener = listener_client[serializer][0]
        # Our listener does the handshake, concurrently for many clients, unless a subclass overrides it
        self._asks_first = issubclass(Listener, connection.Listener) and not self._is_overridden()
        options = {"authkey": self.authkey} if self._asks_first else {}
        self.listener = Listener(address=address, backlog=128, **options)
        self.address = self.listener.address
        self.id_to_obj: dict[str, Any] = {"0": (None, ())}
        self.id_to_refcount = {}
        self.id_to_local_proxy_obj = {}  # kept for good for pickles sent to plain clients
        self.mutex = threading.RLock()
        self.stop_event = threading.Event()
        self._serves = False
        self._line = None  # the descriptor of the pipe to the process that has started this server
        self._asked_by_line = False
        self._connections = set()
        self._ours = set()  # connections to clients of ours
        self._exchanges = {}  # connection -> the Exchange that replaces it
        self._dropped: deque[Any] = deque()  # references to be given back by proxies in this process
        self._held = {}  # key -> [idents, the requesting connection, the time it was closed]
        util.register_after_fork(self, Server._after_fork)

    def _take_line(self, end):
        """Arrange to answer one request over this end of a pipe, without authentication, once serve_forever()
        runs; False if that is not possible.
        """
        names = ("accepter", "serve_forever", "shutdown")  # the accepter itself answers that request
        overridden = any(getattr(type(self), name) is not getattr(Server, name) for name in names)
        if overridden or not self._asks_first or type(self.listener) is not connection.Listener:
            return False
        if type(end) is connection.Connection and end.readable:
            self._line = self.listener._admit(end)
        return self._line is not None

    def _is_overridden(self):
        names = ("handle_request", "_handle_request")
        return any(getattr(type(self), name) is not getattr(Server, name) for name in names)

    def _after_fork(self):
        if not self._serves:
            return  # this child may be the one that will serve
        for each in [*self._connections, self.listener]:
            try:
                each.close()
            except (OSError, ValueError, AttributeError):
                pass
        if getattr(process.current_process(), "_manager_server", None) is self:
            process.current_process()._manager_server = None

    # ---- threads ----

    def serve_forever(self):
        """Serve until a client requests shutdown(), or KeyboardInterrupt; then raise SystemExit.  Blocks."""
        self.stop_event.clear()
        self._serves = True
        process.current_process()._manager_server = self
        try:
            threading.Thread(target=self.accepter, daemon=True).start()
            try:
                self.stop_event.wait()
            except (KeyboardInterrupt, SystemExit):
                self.stop_event.set()
        finally:
            if self._asked_by_line:
                self._close_listener()
            if sys.stdout is not sys.__stdout__:
                util.debug("resetting stdout, stderr")
                sys.stdout = sys.__stdout__
                sys.stderr = sys.__stderr__
            sys.exit(0)

    def _close_listener(self):
        """Close the listener, in the thread that ends the process: another one might not get to removing the
        path.  Not closing it would give a ResourceWarning.
        """
        try:
            self.listener.close()
        except OSError as error:  # the path is gone
            util.info("the listener was not closed well: %s", error)

    def accepter(self):
        """Accept clients, and start a thread for each."""
        while not self.stop_event.is_set():
            try:
                client = self.listener.accept()
            except (AuthenticationError, EOFError):
                continue
            except OSError as error:
                util.info("a client was not accepted: %s", error)
                self.stop_event.wait(0.01)  # the process may be out of descriptors
                continue
            if client.fileno() == self._line:
                self._line, self._asked_by_line = None, True
                self.handle_request(client)  # its only request is shutdown, which is quick
                continue
            try:
                threading.Thread(target=self.handle_request, args=(client,), daemon=True).start()
            except RuntimeError as error:  # out of threads
                util.info("a client is not served: %s", error)
                client.close()

    def handle_request(self, conn):
        """Serve a new connection until it ends."""
        self._connections.add(conn)
        try:
            self._handle_request(conn)
        except SystemExit:
            pass  # it ends this thread
        finally:
            self._ours.discard(conn)
            self._exchanges.pop(conn, None)
            self._sender_is_gone(conn)
            conn.close()
            self._connections.discard(conn)

    def _handle_request(self, c):
        """Answer the first request of a connection, which names a function of the server."""
        request = None
        try:
            if not self._asks_first:
                connection.deliver_challenge(c, self.authkey)
                connection.answer_challenge(c, self.authkey)
            request = c.recv()
            _, function, args, kwds = request
            if function not in self.public:
                raise AssertionError(f"{function!r} unrecognized")
            answer = "#RETURN", getattr(self, function)(c, *args, **kwds)
            if function == "shutdown":
                return  # shutdown() has answered, and this process is about to end
        except Exception:
            answer = "#TRACEBACK", format_exc()
        self._tidy()
        try:
            try:
                with pickling_for(None, True):
                    c.send(answer)
            except Exception:
                c.send(("#TRACEBACK", format_exc()))
        except Exception as error:
            util.info("Failure to send message: %r", answer)
            util.info(" ... request was %r", request)
            util.info(" ... exception was %r", error)

    def serve_client(self, conn):
        """Answer the requests of a connection (of one client thread) until it is closed."""
        util.debug("starting server thread to service %r", threading.current_thread().name)
        fast = type(conn) is connection.Connection
        line = _line.Line(conn) if fast else conn
        while not self.stop_event.is_set():
            try:
                request = line.recv_bytes() if fast else line.recv()
            except (EOFError, OSError):
                util.debug("got EOF -- exiting thread serving %r", threading.current_thread().name)
                return
            except Exception:
                answer = "#TRACEBACK", format_exc()
            else:
                answer = self._answer(conn, request, fast)
            del request
            if self._dropped:
                self._tidy()
            if answer is None:
                line = self._exchanges.get(conn, line)
                continue
            try:
                self._send(conn, line, answer, fast)
            except Exception as error:
                util.info("exception in thread serving %r", threading.current_thread().name)
                util.info(" ... message was %r", answer)
                util.info(" ... exception was %r", error)
                return
            del answer
            if self._dropped:
                self._tidy()

    def _send(self, conn, line, answer, fast):
        """Send an answer, or #UNSERIALIZABLE; line: the Line or Exchange that replaces the connection."""
        try:
            if not fast:
                line.send(answer)
                return
            if conn in self._ours:
                message = _pickler.dumps(answer)
            else:
                with pickling_for(None, True):
                    message = _pickler.dumps(answer)
        except Exception:
            line.send(("#UNSERIALIZABLE", format_exc()))
        else:
            line.send_bytes(message)

    def _answer(self, conn, request, fast):
        """The answer to a request, (kind, result); None for a request without an answer."""
        obj = methodname = None
        try:
            ident, methodname, args, kwds = _pickler.loads(request) if fast else request
            if ident is None:
                return self._function(conn, methodname, args, kwds)
            entry = self.id_to_obj.get(ident) or self.id_to_local_proxy_obj.get(ident)
            if entry is None:
                raise KeyError(ident)
            obj, exposed, gettypeid = entry
            if methodname not in exposed:
                raise AttributeError(
                    f"method {methodname!r} of {type(obj)!r} object is not in exposed={exposed!r}"
                )
            method = getattr(obj, methodname)
        except AttributeError as error:
            return self._fallback(conn, methodname, request, fast, obj, error)
        except Exception:
            return "#TRACEBACK", format_exc()
        try:
            result = method(*args, **kwds)
        except Exception as error:
            return "#ERROR", _tracebacks.kept(error) if fast else error
        except BaseException:  # SystemExit must not end the client
            return "#TRACEBACK", format_exc()
        typeid = gettypeid and gettypeid.get(methodname)
        if not typeid:
            return "#RETURN", result
        try:
            new, exposed = self.create(conn, typeid, result)
        except Exception:
            return "#TRACEBACK", format_exc()
        return "#PROXY", (exposed, Token(typeid, self.address, new))

    def _fallback(self, conn, methodname, request, fast, obj, error):
        """The answer if the object lacks the method: by fallback_mapping, else the AttributeError *error*."""
        try:
            if methodname not in self.fallback_mapping:
                raise error
            ident, _, args, kwds = _pickler.loads(request) if fast else request
            return "#RETURN", self.fallback_mapping[methodname](self, conn, ident, obj, *args, **kwds)
        except Exception:
            return "#TRACEBACK", format_exc()

    def _function(self, conn, name, args, kwds):
        """The answer to a request of a client of ours to the server itself; None for no answer."""
        if name == DROP:
            for ident in args:
                try:
                    self.decref(conn, ident)
                except Exception as error:
                    util.debug("... decref failed %s", error)
            return None
        if name == LET_GO:
            return self.let_go(conn, *args)
        if name == HELLO:
            self._ours.add(conn)
            return None
        if name == HOLD:
            return "#RETURN", self.hold(conn, *args)
        if name == PROXY_TYPE:
            return "#RETURN", self.registry[args[0]][-1]
        if name == SHARE:
            return self._share(conn)
        if name not in self.public or name == "accept_connection":
            raise ValueError(f"{name!r} unrecognized")
        result = getattr(self, name)(self._exchanges.get(conn, conn), *args, **kwds)
        return None if name == "shutdown" else ("#RETURN", result)  # shutdown() has answered

    def _share(self, conn):
        """Accept a client's shared memory.  Sends both answers itself."""
        conn.send(("#RETURN", True))
        memory = _exchange.receive_descriptor(conn)
        exchange = None
        if memory is not None:
            try:
                exchange = _exchange.Exchange(conn, memory)
            except OSError as error:
                util.info("a client's memory is not used: %s", error)
            finally:
                os.close(memory)
        conn.send(("#RETURN", exchange is not None))
        if exchange is not None:
            self._exchanges[conn] = exchange

    # ---- methods that an object may lack ----

    def fallback_getvalue(self, conn, ident, obj):
        return obj

    def fallback_str(self, conn, ident, obj):
        return str(obj)

    def fallback_repr(self, conn, ident, obj):
        return repr(obj)

    fallback_mapping: dict[str, Any] = {
        "__str__": fallback_str,
        "__repr__": fallback_repr,
        "#GETVALUE": fallback_getvalue,
    }

    # ---- functions for clients; c: the connection, or None for a call within this process ----

    def dummy(self, c):
        """Does nothing; the answer shows that the server runs."""

    def debug_info(self, c):
        """The objects and their reference counts, as text."""
        self._tidy()
        with self.mutex:
            counts = sorted(self.id_to_refcount.items())
            held = [(ident, count, self.id_to_obj[ident][0]) for ident, count in counts if ident != "0"]
        return "\n".join(
            f"  {ident}:       refcount={count}\n    {str(obj)[:75]}" for ident, count, obj in held
        )

    def number_of_objects(self, c):
        """The number of objects that have references."""
        self._tidy()
        return len(self.id_to_refcount)

    def shutdown(self, c):
        """Answer, and end serve_forever()."""
        try:
            util.debug("manager received shutdown message")
            c.send(("#RETURN", None))
        except Exception as error:
            util.info("client that asked for shutdown is gone: %s", error)
        finally:
            self.stop_event.set()

    def create(self, c, typeid, /, *args, **kwds):
        """Create an object with one reference; (ident, exposed)."""
        callable_, exposed, method_to_typeid, _ = self.registry[typeid]
        if callable_ is not None:
            obj = callable_(*args, **kwds)
        elif kwds or len(args) != 1:
            raise ValueError("Without callable, must have one non-keyword argument")
        else:
            obj = args[0]
        if exposed is None:
            exposed = public_methods(obj)
        if method_to_typeid is not None:
            if not isinstance(method_to_typeid, dict):
                kind = type(method_to_typeid)
                raise TypeError(f"Method_to_typeid {method_to_typeid!r}: type {kind!s}, not dict")
            exposed = [*exposed, *method_to_typeid]
        ident = f"{id(obj):x}"
        util.debug("%r callable returned object with id %r", typeid, ident)
        with self.mutex:
            self.id_to_obj[ident] = obj, set(exposed), method_to_typeid
            self.id_to_refcount.setdefault(ident, 0)
            self.incref(c, ident)
        return ident, tuple(exposed)

    def get_methods(self, c, token):
        """The names of the methods that clients may call on the token's object."""
        return tuple(self.id_to_obj[token.id][1])

    def accept_connection(self, c, name):
        """Serve the connection in this thread until it is closed."""
        threading.current_thread().name = name
        c.send(("#RETURN", GREETING))
        self.serve_client(c)
        sys.exit(0)  # ends the thread: the connection is closed

    def incref(self, c, ident):
        """Add a reference.  KeyError if there is no such object."""
        with self.mutex:
            if ident not in self.id_to_refcount:
                self.id_to_obj[ident] = self.id_to_local_proxy_obj[ident]
                self.id_to_refcount[ident] = 0
            self.id_to_refcount[ident] += 1

    def decref(self, c, ident):
        """Remove a reference; the last one deallocates the object."""
        with self.mutex:
            if ident not in self.id_to_refcount and ident in self.id_to_local_proxy_obj:
                return
            if self.id_to_refcount[ident] <= 0:
                count = self.id_to_refcount[ident]
                obj = self.id_to_obj[ident]
                raise AssertionError(f"Id {ident!s} ({obj!r}) has refcount {count:n}, not 1+")
            self.id_to_refcount[ident] -= 1
            if self.id_to_refcount[ident]:
                return
            del self.id_to_refcount[ident]
            gone = self.id_to_obj.pop(ident)
        util.debug("disposing of obj with id %r", ident)
        del gone  # outside the mutex: its deallocation may drop proxies

    # ---- references of proxies in the server, and of pickles ----

    def drop_later(self, ident):
        """Give back a reference later.  Takes no lock: for destructors, which may run anywhere."""
        self._dropped.append(ident)

    def _tidy(self):
        while self._dropped:
            try:
                self.decref(None, self._dropped.popleft())
            except (KeyError, IndexError) as error:
                util.debug("... decref failed %s", error)

    def keep(self, ident):
        """Keep an object for good, since a pickle of its proxy was sent to a plain client."""
        with self.mutex:
            if ident in self.id_to_obj:
                self.id_to_local_proxy_obj[ident] = self.id_to_obj[ident]

    def hold(self, c, idents, key):
        """Add references for proxies under way, under *key*."""
        for ident in idents:
            self.incref(c, ident)
        with self.mutex:
            self._held[key] = [idents, c, None]
        self._forget_lost()

    def let_go(self, c, key):
        """Remove the references of *key*; nothing if a pickle is unpickled a second time."""
        with self.mutex:
            idents = self._held.pop(key, ((),))[0]
        for ident in idents:
            self.decref(c, ident)

    def _sender_is_gone(self, c):
        with self.mutex:
            for held in self._held.values():
                if held[1] is c:
                    held[1:] = None, time.monotonic()

    def _forget_lost(self):
        oldest = time.monotonic() - HOLD_TIME
        with self.mutex:
            times = {key: since for key, (_, _, since) in self._held.items() if since is not None}
        for key, since in times.items():
            if since < oldest:
                self.let_go(None, key)
