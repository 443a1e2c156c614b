"""References to a server's objects that are not owned by a proxy yet.

Invariants:

- A reference that was counted for a future proxy is taken over by that proxy, or given back.
- A pickle owns a reference until it is unpickled; a fork owns one for each proxy of the child until the child
  has its own.  If the other process dies before that, the server drops them HOLD_TIME after this process has
  closed its connection.
"""

from __future__ import annotations

import os
import sys
import weakref
from _thread import get_ident

from hasten.multiprocessing import process, util
from hasten.multiprocessing._managers._channel import sending
from hasten.multiprocessing._managers._protocol import HOLD, LET_GO

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any

authkeys: dict[Any, Any] = {}  # by the server's address
references: dict[int, Any] = {}  # proxy's serial -> (peer, ident): the references that this process owns
adopted: list[Any] = []  # (ident, address) of references that a proxy being made takes over
os.register_at_fork(after_in_child=adopted.clear)


def own_server(address):
    """The server that this process runs at the address, or None."""
    server = getattr(process.current_process(), "_manager_server", None)
    return server if server is not None and server.address == address else None


class adopting:
    """Context manager: a proxy of the object made inside takes over a reference that is already counted.

    If none does, the reference is given back.
    """

    def __init__(self, token, peer):
        self.mark, self.peer = (token.id, token.address), peer

    def __enter__(self):
        adopted.append(self.mark)

    def __exit__(self, *exc):
        if _take_mark(self.mark):
            self.peer.drop(self.mark[0])


def adopt(token):
    return bool(adopted) and _take_mark((token.id, token.address))


def _take_mark(mark):
    try:
        adopted.remove(mark)
    except ValueError:
        return False
    return True


def hold(proxy, popen=None):
    """Let the server count a reference for a pickle; its key, or None if that is not needed.

    popen: the child that the pickle is for.  A second pickle for the same child gets the same key: the child
    unpickles one of them only (the first attempt to start it has failed).
    """
    address = proxy._token.address
    if sending.to[0] == address:
        return None  # the caller keeps the proxy until the server has answered
    if popen is not None:
        child, key = proxy.__dict__.get("_held_for", (None, None))
        if child is not None and child() is popen:
            return key
    key = os.urandom(8).hex()
    try:
        server = own_server(address)
        if server is not None:
            server.hold(None, (proxy._id,), key)
        elif proxy._peer.channel().ours:
            proxy._peer.call(HOLD, ((proxy._id,), key))
        else:
            return None
    except Exception as error:  # pickling must work without the server
        util.debug("no reference for a pickled proxy: %s", error)
        return None
    if popen is not None:
        proxy._held_for = weakref.ref(popen), key
    return key


def let_go(peer, key):
    try:
        server = own_server(peer.address)
        if server is not None:
            server.let_go(None, key)
        else:
            peer.tell(LET_GO, (key,))
    except Exception as error:
        util.debug("reference of a pickled proxy not given back: %s", error)


class _Fork:
    """A fork in progress: the keys of the references that servers hold for the child's proxies."""

    def __init__(self):
        self.keys = []
        idents: dict[Any, list[Any]] = {}
        peers: dict[Any, Any] = {}
        for peer, ident in list(references.values()):
            idents.setdefault(peer.address, []).append(ident)
            peers[peer.address] = peer
        for address, peer in peers.items():
            key = os.urandom(8).hex()
            try:
                if peer.channel().ours:
                    peer.call(HOLD, (tuple(idents[address]), key))
                    self.keys.append((peer, key))
            except Exception as error:  # its server may be gone
                util.debug("no references for a child: %s", error)
        if self.keys:  # runs after the hooks of the proxies, which were registered earlier
            util.register_after_fork(self, _Fork.arrived)

    def arrived(self):
        """In the child, once its proxies own references: release those of the fork."""
        for peer, key in self.keys:
            let_go(peer, key)


_forks: dict[int, _Fork] = {}  # by thread


def _before_fork():
    # Only for forks of multiprocessing: in other children the proxies acquire no references
    if references and sys._getframe(1).f_code.co_name == "_launch":
        _forks[get_ident()] = _Fork()


def _after_fork_in_parent():
    _forks.pop(get_ident(), None)


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent)
