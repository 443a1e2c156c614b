"""Proxies: objects that call the methods of others, which a manager's server holds.

What holds:

- A proxy has one reference to its object, which its end gives back; whichever process it is in, and whether
  the proxy was made by a manager, arrived in a pickle, or came into this process by a fork.
- A proxy that is pickled holds one reference more until it is unpickled, so it may be the only one.
- In the server itself a proxy, of an object that is kept in another one, has a reference too, without a
  connection.
- The authkey goes with a proxy to children, which are started by this process, and nowhere else.  Elsewhere
  it is that of the proxies and managers which the process has for this server already, or its own.
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

    A base of proxies.  A subclass has methods that call _callmethod(), and their names in `_exposed_`.
    Methods block until the server has answered.  They may be called from any thread and process; each
    thread has a connection of its own.
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

        Blocks until the server has answered.  Raises what the method raises, or RemoteError for what went
        wrong besides; EOFError or OSError if the server is gone.
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
        """A proxy of an object that the server has made of a result, with one reference."""
        token.address = self._token.address  # the server may know itself by another one
        with adopting(token, self._peer):
            proxytype = self._proxy_type(token.typeid)
            proxy = proxytype(
                token, self._serializer, manager=self._manager, authkey=self._authkey, exposed=exposed
            )
        if self._manager is None and isinstance(proxy, BaseProxy):
            proxy._registry = self._registry
        return proxy

    def _proxy_type(self, typeid):
        """What makes proxies of the type, also where this proxy came without its manager."""
        if self._registry is not None and typeid in self._registry:
            return self._registry[typeid][-1]
        if self._peer.channel().ours:
            try:
                found = self._peer.call(PROXY_TYPE, (typeid,))
            except Exception as error:  # a class that can't be found here
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
        """Have a reference from now on, until this proxy ends."""
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
        """This process has the reference: it is given back when the proxy ends, or the interpreter does."""
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
            peer.leave()  # no manager here that would need it again

    def _after_fork(self):
        """In the child: it has a reference of its own, unless it has been unpickled here."""
        self._manager = None
        try:
            if self._pid != os.getpid():
                self._incref()
            elif not self._close.still_active():  # unpickled before the new process forgot its finalizers
                self._own()
        except Exception as error:  # of a manager that is shut down, perhaps
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
            kwds["incref"] = key  # true, to an interpreter without this package
        return RebuildProxy, (func, self._token, self._serializer, kwds)

    def __deepcopy__(self, memo):
        return self._getvalue()

    def __repr__(self):
        return f"<{type(self).__name__} object, typeid {self._token.typeid!r} at {id(self):#x}>"

    def __str__(self):
        """The object's repr(), or what this proxy is if that fails."""
        try:
            return self._callmethod("__repr__")
        except Exception:
            return repr(self)[:-1] + "; '__str__()' failed>"


def _next_serial():
    """A number that no other proxy of this process has; the caller has the mutex."""
    serial = getattr(_stdlib.BaseProxy, "_next_serial", 1)
    _stdlib.BaseProxy._next_serial = serial + 1
    return serial


# ---- pickles ----


@published
def RebuildProxy(func, token, serializer, kwds):
    """The proxy of a pickle."""
    kwds = dict(kwds)
    incref = kwds.pop("incref", True)
    key = incref if isinstance(incref, str) else None  # what the pickle holds a reference by
    server = own_server(token.address)
    if server is not None:
        kwds["manager_owned"] = True
        kwds["authkey"] = server.authkey
    proxy = func(token, serializer, incref=bool(incref), **kwds)
    if key is not None:
        let_go(proxy._peer, key)
    return proxy


def _reduced_for_stdlib(proxy, func, kwds):
    """A pickle that an interpreter without this package can read."""
    rebuild = _stdlib.RebuildProxy
    if RebuildProxy.__module__ == _stdlib.__name__:  # this package is in its place, and goes by its name
        rebuild = RebuildProxy
    elif func.__module__ == RebuildProxy.__module__:
        found = getattr(_stdlib, func.__name__, None)
        if found is None:  # a type that this version of Python lacks
            found, kwds["exposed"] = _stdlib.AutoProxy, proxy._exposed_
        func = found
    server = own_server(proxy._token.address)
    if server is not None:  # held for good: who reads the pickle can't tell when it has arrived
        server.keep(proxy._id)
    return rebuild, (func, proxy._token, proxy._serializer, kwds)


# ---- types of proxies ----


def proxy_methods(exposed):
    """Methods, by name, that call those of the object."""
    made: dict[str, Any] = {}
    for name in exposed:
        exec(
            f"def {name}(self, /, *args, **kwds):\n    return self._callmethod({name!r}, args, kwds)",
            {"__name__": public_name()},
            made,
        )
    return made


def proxy_type(name, exposed, *also):
    """A class of proxies with these methods, that counts as one of the classes *also*."""
    exposed = tuple(exposed)
    members = {**proxy_methods(exposed), "_exposed_": exposed, "__module__": public_name()}
    return type(name, (BaseProxy, *also), members)


@published
def MakeProxyType(name, exposed, _cache={}):  # noqa: B006
    """A class of proxies; exposed: the names of the methods.  For the same arguments it is the same."""
    key = name, tuple(exposed)
    if key not in _cache:
        _cache[key] = proxy_type(name, key[1])
    return _cache[key]


@published
def AutoProxy(token, serializer, manager=None, authkey=None, exposed=None, incref=True, manager_owned=False):
    """A proxy with the public methods of its object.  Without *exposed*, the server is asked for them."""
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
