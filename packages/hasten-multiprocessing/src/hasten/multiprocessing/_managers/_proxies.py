"""Proxies: objects that call the methods of objects in a manager's server.

Invariants:

- A proxy owns one reference to its object and gives it back when it is deallocated, in whichever process it
  is, and whether it was made by a manager, unpickled, or inherited by a fork.
- The pickle of a proxy owns one more reference until it is unpickled, so the original may be deallocated
  before.
- A proxy inside the server itself (held by another of its objects) owns a reference, too, without a
  connection.
- A proxy's authkey is sent to children that this process starts, and nowhere else.  Another process uses the
  authkey of a proxy or manager that it already has for this server, or its own.
"""

from __future__ import annotations

import os
from multiprocessing.context import get_spawning_popen

from hasten.multiprocessing import process, util
from hasten.multiprocessing._managers._channel import Peer, sending
from hasten.multiprocessing._managers._protocol import (
    PROXY_TYPE,
    State,
    Token,
    _stdlib,
    convert_to_error,
    public_name,
    published,
)
from hasten.multiprocessing._managers._references import (
    adopt,
    adopting,
    authkeys,
    hold,
    let_go,
    own_server,
    references,
)

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any


@published
class BaseProxy(_stdlib.BaseProxy):
    """BaseProxy(token, serializer, manager=None, authkey=None, exposed=None, incref=True, ...)

    The base of proxies.  A subclass has methods that call _callmethod(), and their names in `_exposed_`.
    Methods block until the server has answered.  Thread-safe, and usable in any process; each thread has a
    connection of its own.
    """

    def __init__(
        self, token, serializer, manager=None, authkey=None, exposed=None, incref=True, manager_owned=False
    ):
        address = token.address
        with _stdlib.BaseProxy._mutex:
            self._serial = _next_serial()
        self._token = token
        self._id = token.id
        self._manager = manager
        self._serializer = serializer
        self._owned_by_manager = manager_owned
        self._Client = client = listener_client[serializer][1]
        if authkey is not None:
            authkeys[address] = authkey = process.AuthenticationString(authkey)
        elif manager is not None:
            authkey = manager._authkey
        else:
            authkey = authkeys.get(address) or process.current_process().authkey
        self._authkey = authkey
        self._peer = Peer(address, client, authkey)
        self._tls, self._idset = self._peer.tls, self._peer.idset
        self._all_serials = self._idset
        self._registry = None if manager is None else manager._registry
        self._pid = None
        if incref:
            self._incref()
        util.register_after_fork(self, BaseProxy._after_fork)

    def _connect(self):
        """Open this thread's connection to the server."""
        self._peer.channel()

    def _callmethod(self, methodname, args=(), kwds={}):  # noqa: B006
        """The result of a method of the object: a copy of it, or a proxy.

        Blocks until the server has answered.  Raises the method's exception; RemoteError for any other error
        in the server; EOFError or OSError if the server is gone.
        """
        try:
            channel = self._tls.channel
        except AttributeError:
            self._connect()
            channel = self._peer.channel()
        if channel.busy or not channel.is_open():
            kind, result = self._peer.ask((self._id, methodname, args, kwds))
        else:
            kind, result = channel.ask((self._id, methodname, args, kwds))
        if kind == "#RETURN":
            return result
        if kind == "#PROXY":
            return self._proxy_of(*result)
        try:
            raise convert_to_error(kind, result)
        finally:
            del result  # the exception's traceback refers to this frame

    def _proxy_of(self, exposed, token):
        """The proxy of an object that the server has made from a result; takes over its reference."""
        token.address = self._token.address  # the server may use another address for itself
        with adopting(token, self._peer):
            proxytype = self._proxy_type(token.typeid)
            proxy = proxytype(
                token, self._serializer, manager=self._manager, authkey=self._authkey, exposed=exposed
            )
        if self._manager is None and isinstance(proxy, BaseProxy):
            proxy._registry = self._registry
        return proxy

    def _proxy_type(self, typeid):
        """The class or function that makes proxies of the type, even without the manager."""
        if self._registry is not None and typeid in self._registry:
            return self._registry[typeid][-1]
        if self._peer.channel().ours:
            try:
                found = self._peer.call(PROXY_TYPE, (typeid,))
            except Exception as error:  # its class can't be imported here
                util.debug("no type of proxies for %r: %s", typeid, error)
            else:
                self._registry = {**(self._registry or {}), typeid: (found,)}
                return found
        from hasten.multiprocessing._managers._sync import SyncManager

        known = SyncManager._registry.get(typeid)
        return known[-1] if known else AutoProxy

    def _getvalue(self):
        """A copy of the object."""
        return self._callmethod("#GETVALUE")

    def _incref(self):
        """Acquire a reference, to be given back when this proxy is deallocated."""
        server = own_server(self._token.address) if self._owned_by_manager else None
        if server is not None:
            server.incref(None, self._id)
            self._pid = os.getpid()
            self._close = util.Finalize(self, server.drop_later, args=(self._id,))
            return
        if not adopt(self._token):
            self._peer.call("incref", (self._id,))
        util.debug("INCREF %r", self._token.id)
        self._own()

    def _own(self):
        """Record that this process owns the reference, and give it back at the proxy's end or at exit."""
        self._pid = os.getpid()
        self._idset.add(self._serial)
        references[self._serial] = self._peer, self._id
        state = self._manager and self._manager._state
        where = self._tls, self._idset
        self._close = util.Finalize(
            self,
            BaseProxy._decref,
            args=(self._token, self._serial, self._authkey, state, *where, self._Client),
            exitpriority=10,
        )

    @staticmethod
    def _decref(token, serial, authkey, state, tls, idset, _Client):
        """Give a reference back, unless the manager is shut down."""
        idset.discard(serial)
        references.pop(serial, None)
        if state is not None and state.value != State.STARTED:
            util.debug("DECREF %r -- manager already shutdown", token.id)
            return
        peer = Peer(token.address, _Client, authkey, (tls, idset))
        try:
            util.debug("DECREF %r", token.id)
            peer.drop(token.id)
        except Exception as error:
            util.debug("... decref failed %s", error)
        if state is None and not idset:
            peer.leave()  # no manager or proxy here needs the channel any more

    def _after_fork(self):
        """In a forked child: acquire a reference, unless the proxy was unpickled in the child."""
        self._manager = None
        try:
            if self._pid != os.getpid():
                self._incref()
            elif not self._close.still_active():  # unpickled before the child cleared its finalizers
                self._own()
        except Exception as error:  # the manager may be shut down
            util.info("incref failed: %s", error)

    def __reduce__(self):
        func, kwds = type(self), {}
        if get_spawning_popen() is not None:
            kwds["authkey"] = self._authkey
        if getattr(self, "_isauto", False):
            func, kwds["exposed"] = AutoProxy, self._exposed_
        if sending.to[1]:
            return _reduced_for_stdlib(self, func, kwds)
        key = hold(self, get_spawning_popen())
        if key is not None:
            kwds["incref"] = key  # a true value for an interpreter without this package
        return RebuildProxy, (func, self._token, self._serializer, kwds)

    def __deepcopy__(self, memo):
        return self._getvalue()

    def __repr__(self):
        return f"<{type(self).__name__} object, typeid {self._token.typeid!r} at {id(self):#x}>"

    def __str__(self):
        """The object's repr(), or the proxy's with a note if that fails."""
        try:
            return self._callmethod("__repr__")
        except Exception:
            return repr(self)[:-1] + "; '__str__()' failed>"


def _next_serial():
    """A number that is unique among the proxies of this process.  With `_mutex` held."""
    serial = getattr(_stdlib.BaseProxy, "_next_serial", 1)
    _stdlib.BaseProxy._next_serial = serial + 1
    return serial


# ---- pickles ----


@published
def RebuildProxy(func, token, serializer, kwds):
    """Unpickle a proxy."""
    kwds = dict(kwds)
    incref = kwds.pop("incref", True)
    key = incref if isinstance(incref, str) else None  # the key of the pickle's reference
    server = own_server(token.address)
    if server is not None:
        kwds["manager_owned"] = True
        kwds["authkey"] = server.authkey
    proxy = func(token, serializer, incref=bool(incref), **kwds)
    if key is not None:
        let_go(proxy._peer, key)
    return proxy


def _reduced_for_stdlib(proxy, func, kwds):
    """The reduction of a proxy for an interpreter without this package."""
    rebuild = _stdlib.RebuildProxy
    if RebuildProxy.__module__ == _stdlib.__name__:  # under the launcher it has that name
        rebuild = RebuildProxy
    elif func.__module__ == RebuildProxy.__module__:
        found = getattr(_stdlib, func.__name__, None)
        if found is None:  # a type that this version of Python lacks
            found, kwds["exposed"] = _stdlib.AutoProxy, proxy._exposed_
        func = found
    server = own_server(proxy._token.address)
    if server is not None:  # kept for good: a plain reader cannot report its arrival
        server.keep(proxy._id)
    return rebuild, (func, proxy._token, proxy._serializer, kwds)


# ---- types of proxies ----


def proxy_methods(exposed):
    """Functions by name that call the object's methods."""
    made: dict[str, Any] = {}
    for name in exposed:
        exec(
            f"def {name}(self, /, *args, **kwds):\n    return self._callmethod({name!r}, args, kwds)",
            {"__name__": public_name()},
            made,
        )
    return made


def proxy_type(name, exposed, *also):
    """A proxy class with these methods; *also*: further base classes."""
    exposed = tuple(exposed)
    members = {**proxy_methods(exposed), "_exposed_": exposed, "__module__": public_name()}
    return type(name, (BaseProxy, *also), members)


@published
def MakeProxyType(name, exposed, _cache={}):  # noqa: B006
    """A proxy class with the methods named in *exposed*.  Cached by its arguments."""
    key = name, tuple(exposed)
    if key not in _cache:
        _cache[key] = proxy_type(name, key[1])
    return _cache[key]


@published
def AutoProxy(token, serializer, manager=None, authkey=None, exposed=None, incref=True, manager_owned=False):
    """A proxy with the public methods of its object.  exposed: their names; None asks the server.  May
    block."""
    if authkey is None:
        authkey = authkeys.get(token.address) if manager is None else manager._authkey
    if authkey is None:
        authkey = process.current_process().authkey
    if exposed is None:
        server = own_server(token.address)
        if server is not None:
            exposed = server.get_methods(None, token)
        else:
            peer = Peer(token.address, listener_client[serializer][1], authkey)
            exposed = peer.call("get_methods", (Token(token.typeid, token.address, token.id),))
    cls = MakeProxyType(f"AutoProxy[{token.typeid}]", exposed)
    proxy = cls(
        token, serializer, manager=manager, authkey=authkey, incref=incref, manager_owned=manager_owned
    )
    proxy._isauto = True
    return proxy


from hasten.multiprocessing._managers._server import listener_client  # noqa: E402
