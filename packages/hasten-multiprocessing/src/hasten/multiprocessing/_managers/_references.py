"""References to a server's objects, while they change hands.

What holds:

- A reference that was counted for a proxy which does not exist yet is adopted by it, or given back.
- A pickle holds one until it has been unpickled, and a fork one for each proxy that the child will have,
  until the child has its own.  If the other process dies before, the server forgets them a while after this
  one's connection is closed.
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

authkeys: dict[Any, Any] = {}  # of the servers that this process has to do with, by address
references: dict[int, Any] = {}  # (peer, ident) by the proxy's serial: those that this process gives back
adopted: list[Any] = []  # (ident, address) of references that threads have, and the next proxy takes over
os.register_at_fork(after_in_child=adopted.clear)


def own_server(address):
    """The server that this process runs at the address, or None."""
    server = getattr(process.current_process(), "_manager_server", None)
    return server if server is not None and server.address == address else None


class adopting:
    """`with adopting(token, peer)`: a reference that was counted for the proxy which is made inside.

    If no proxy takes it, it is given back.
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
    """Have the server hold a reference for a pickle; the key of it, or None where that is not needed.

    popen: the child that it is pickled for.  It is unpickled there once, even if it is pickled again because
    the first way to start the child has failed.
    """
    address = proxy._token.address
    if sending.to[0] == address:
        return None  # the caller has the proxy until the server has answered
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
    except Exception as error:  # pickling needs no server
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
    """A fork that is going on: keys by which servers hold references for the proxies of the child."""

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
            except Exception as error:  # its server is gone, perhaps
                util.debug("no references for a child: %s", error)
        if self.keys:  # after the proxies, which have been registered earlier
            util.register_after_fork(self, _Fork.arrived)

    def arrived(self):
        """In the child, whose proxies have their references."""
        for peer, key in self.keys:
            let_go(peer, key)


_forks: dict[int, _Fork] = {}  # by thread


def _before_fork():
    # A fork that multiprocessing knows nothing of leaves its child without references, so without a need.
    if references and sys._getframe(1).f_code.co_name == "_launch":
        _forks[get_ident()] = _Fork()


def _after_fork_in_parent():
    _forks.pop(get_ident(), None)


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent)
