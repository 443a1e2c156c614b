"""What a manager's server and its clients say to each other.

A client opens a connection, both ends show the authkey, and the client sends (None, function, args, kwds),
where *function* is one of Server.public.  The answer is (kind, result):

- "#RETURN": the result; "#ERROR": an exception that the object has raised.
- "#TRACEBACK", "#UNSERIALIZABLE": the text of a traceback, of what else went wrong in the server.
- "#PROXY": (exposed, token) of an object that the server has made of the result.

Then the connection is over, unless the function was "accept_connection": from then on it takes calls of
objects, (ident, method, args, kwds), one after the other.  This is the standard library's protocol.

A server of ours answers "accept_connection" with GREETING, where a plain one says None, and a client that
hears it replies with HELLO.  Between these two a connection takes the server's functions too, with None as
ident, and three messages more; those that are not answered are marked *:

- HELLO*: the client is one of ours.
- DROP* (ident, ...): references that the client gives back.
- HOLD ((ident, ...), key): references for proxies that are under way, pickled or in a fork;
  LET_GO* (key): they have arrived.
- PROXY_TYPE (typeid): the class or function that makes proxies of this type.
- SHARE (): whether the server takes memory for what is to come.  If so, the client sends a descriptor of it
  beside a byte, and a second answer tells whether the server has got it.  From then on both use the memory:
  see `_transport._exchange`.

The pipe by which a started server tells its address stays, where both ends are ours: the server says
(LISTENS, address) there, and then answers one request, without asking for the authkey.
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

# They travel, so there is one of each in an interpreter, and any interpreter knows them.
Token = _stdlib.Token
State = _stdlib.State
RemoteError = _stdlib.RemoteError


def published(obj):
    """A class or function of the public module: pickles and reprs name that one."""
    obj.__module__ = PUBLIC
    return obj


def public_name():
    """The name that the public module goes by: the standard library's while it stands in for that one."""
    public = sys.modules.get(PUBLIC)
    return PUBLIC if public is None else public.__name__


@published
def dispatch(c, id, methodname, args=(), kwds={}):  # noqa: B006
    """Send a request over the connection *c*, and return the result, or raise what went wrong.

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
    """The ProcessError for a manager that is not in the state that is needed."""
    from multiprocessing import ProcessError

    texts = {State.STARTED: started, State.SHUTDOWN: "Manager has shut down"}
    return ProcessError(texts.get(value, f"Unknown state {value!r}"))
