"""Connects this process's family (_family.h) with multiprocessing, in two places; no other file does.

The process's `_config`, which multiprocessing passes to each child with the Process object: a child of
"spawn" or "forkserver" receives the family's two descriptors in it; a child of "fork" inherits them.

`ResourceTracker._send`, which sends names of blocks to the tracker process.  Names of our blocks are never
sent. Programs call `resource_tracker.unregister(shm._name, "shared_memory")` to keep a block from being
removed, and the tracker process would print a KeyError for a name that it does not know.  For our blocks
unregister() means that the family does not remove the block at its end, and register() that it does.
"""

from __future__ import annotations

import functools
import os
from multiprocessing import process, resource_tracker

from hasten.shared_memory import _family
from hasten.shared_memory._known import known

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any

KEY = "hasten.shared_memory"


class Membership:
    """Passes the family's descriptors to a child, as an entry of `_config`.

    It is unpickled as a tuple of standard library objects, since the child may lack hasten, or not import it.
    The child belongs to the family in any case, since it keeps the line open.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocessing import context, reduction

        _look_for_the_parents()
        descriptors = None if context.get_spawning_popen() is None else _family.descriptors()
        if descriptors is None:
            return tuple, ()
        identities = [os.fstat(fd).st_ino for fd in descriptors]
        return tuple, ([*map(reduction.DupFd, descriptors), *identities],)


def _look_for_the_parents() -> None:
    """Join the family of the process that started this one, if `_config` has its descriptors.

    Not done at import: a child imports the program before it has its `_config`.
    """
    config = getattr(process.current_process(), "_config", None)
    told = config.get(KEY) if isinstance(config, dict) else None
    if config is not None and isinstance(told, tuple):
        _join(told)
        config[KEY] = Membership()


def _join(told: tuple[Any, ...]) -> None:
    """Join by received descriptors, unless their numbers refer to other files by now."""
    try:
        line, table, *identities = told
        descriptors = line.detach(), table.detach()
        same = identities == [os.fstat(fd).st_ino for fd in descriptors]
    except (AttributeError, LookupError, OSError, TypeError, ValueError):
        return
    if same:
        _family.join(*descriptors)


def _pass_on_to_children() -> None:
    config = getattr(process.current_process(), "_config", None)
    if isinstance(config, dict):
        config.setdefault(KEY, Membership())


def _keep_ours_from_the_tracker() -> None:
    send = getattr(resource_tracker.ResourceTracker, "_send", None)
    if send is None or hasattr(send, "_hasten"):
        return

    @functools.wraps(send)
    def _send(self: Any, cmd: str, name: Any, rtype: str) -> None:
        # programs also pass SharedMemory.name, which lacks the slash
        ours = (known(name) or known(f"/{name}")) if rtype == "shared_memory" else None
        if ours is None:
            send(self, cmd, name, rtype)
        elif cmd == "UNREGISTER":
            _family.forget_inode(ours[0])
        elif cmd == "REGISTER" and ours[1]:
            _family.note_inode(ours[0])

    _send._hasten = True
    resource_tracker.ResourceTracker._send = _send


_family.before_first_use(_look_for_the_parents)
_pass_on_to_children()
# At import, so that the first block of a program does not open two further descriptors
_family.ensure()
_keep_ours_from_the_tracker()
