"""The protocol between a manager's server and its clients.

A client opens a connection, both ends authenticate, and the client sends (None, function, args, kwds), where
*function* is one of Server.public.  The answer is (kind, result):

- "#RETURN": the result; "#ERROR": an exception that the object's method has raised.
- "#TRACEBACK", "#UNSERIALIZABLE": the text of a traceback, for any other error in the server.
- "#PROXY": (exposed, token) of an object that the server has made from the result.

Then the connection is closed, except after "accept_connection": from then on it takes calls of objects'
methods, (ident, method, args, kwds), one after the other.  So far the standard library's protocol.

A server of ours answers "accept_connection" with GREETING (a plain one with None), and a client of ours
replies with HELLO.  Between the two the connection also takes the server's functions, with None as ident,
and the following messages; those marked * have no answer:

- HELLO*: the client is one of ours.
- DROP* (ident, ...): the client gives references back.
- HOLD ((ident, ...), key): count references for proxies under way, in a pickle or a fork;
  LET_GO* (key): the proxies have arrived, drop those references.
- PROXY_TYPE (typeid): the class or function that makes proxies of this type.
- SHARE (): whether the server accepts shared memory.  If so, the client sends its descriptor beside a byte,
  and a second answer tells whether the server has received it.  From then on both use the memory: see
  `_transport._exchange`.

If both ends are ours, the pipe over which a started server reports its address stays open: the server sends
(LISTENS, address) there, and then answers one request without authentication.
"""

from __future__ import annotations

import sys
from multiprocessing import managers as _stdlib

PUBLIC = "hasten.multiprocessing.managers"

GREETING = "hasten 1"
HELLO = "#HELLO"
DROP = "#DROP"
HOLD = "#HOLD"
LET_GO = "#LET_GO"
PROXY_TYPE = "#PROXY_TYPE"
SHARE = "#SHARE"
LISTENS = "#LISTENS"

# The interpreter's own classes: they are pickled, so every interpreter has to know them.
Token = _stdlib.Token
State = _stdlib.State
RemoteError = _stdlib.RemoteError


def published(obj):
    """Decorator: pickles and reprs of the class or function name the public module."""
    obj.__module__ = PUBLIC
    return obj


def public_name():
    """The public module's current name: the standard library's while the launcher has replaced that."""
    public = sys.modules.get(PUBLIC)
    return PUBLIC if public is None else public.__name__


@published
def dispatch(c, id, methodname, args=(), kwds={}):  # noqa: B006
    """Send a request over the connection *c*; the result, or raise the answer's exception.

    Blocks until the answer is there.  EOFError or OSError if the server is gone.
    """
    c.send((id, methodname, args, kwds))
    kind, result = c.recv()
    if kind == "#RETURN":
        return result
    try:
        raise convert_to_error(kind, result)
    finally:
        del result  # the exception's traceback refers to this frame


@published
def convert_to_error(kind, result):
    """The exception that an answer stands for: the object's own, or a RemoteError with the server's text."""
    if kind == "#ERROR":
        return result
    if kind not in ("#TRACEBACK", "#UNSERIALIZABLE"):
        return ValueError(f"Unrecognized message type {kind!r}")
    if not isinstance(result, str):
        raise TypeError(f"Result {result!r} (kind {kind!r}) type is {type(result)}, not str")
    return RemoteError(result if kind == "#TRACEBACK" else f"Unserializable message: {result}\n")


@published
def all_methods(obj):
    """The names of the attributes of *obj* that can be called, a list."""
    return [name for name in dir(obj) if callable(getattr(obj, name))]


@published
def public_methods(obj):
    """The names of the methods of *obj* that do not begin with an underscore, a list."""
    return [name for name in all_methods(obj) if not name.startswith("_")]


def state_error(value, started="Already started server"):
    """The ProcessError for a manager in the wrong state."""
    from multiprocessing import ProcessError

    texts = {State.STARTED: started, State.SHUTDOWN: "Manager has shut down"}
    return ProcessError(texts.get(value, f"Unknown state {value!r}"))
