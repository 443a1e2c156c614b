"""Who is responsible for a named block: what connects this process's family with the standard library.

Two places of multiprocessing's are touched, here and nowhere else.

The process's `_config`, which multiprocessing hands to each child with the Process object: a child of "spawn" or
"forkserver" gets the family's two descriptors in it, as one of "fork" inherits them.

`ResourceTracker._send`, by which the tracker's process hears of a block.  It never hears of ours: programs call
`resource_tracker.unregister(shm._name, "shared_memory")`, so that an attaching process does not remove the block,
or a maker leaves it behind.  The tracker's process would print a KeyError for a name it does not know.  For a block
of ours unregister() means that it is not to be removed with its family, and register() the opposite.
"""

from __future__ import annotations

import functools
from multiprocessing import process, resource_tracker
from typing import Any

from hasten.shared_memory import _family

KEY = "hasten.shared_memory"
KEPT = 4096  # names that are remembered; a program unregisters soon after it has attached

_names: dict[str, tuple[int, bool]] = {}  # name with its slash -> (inode, whether made here)


def note_name(name: str, inode: int, made: bool) -> None:
    """Remember that a block of ours has this name."""
    _names.pop(name, None)
    while len(_names) >= KEPT:
        try:
            del _names[next(iter(_names))]
        except (KeyError, RuntimeError, StopIteration):  # another thread was faster
            break
    _names[name] = (inode, made)


class Membership:
    """What a child needs to be of the family; as an argument of a process that is being started only."""

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocessing import context, reduction

        if context.get_spawning_popen() is None:
            return Membership, ()
        descriptors = _family.descriptors()
        if descriptors is None:
            return Membership, ()
        return _join, tuple(map(reduction.DupFd, descriptors))


def _join(line: Any, table: Any) -> Membership:
    _family.join(line.detach(), table.detach())
    return Membership()


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
        # programs give it SharedMemory.name too, without the slash
        known = (_names.get(name) or _names.get(f"/{name}")) if rtype == "shared_memory" else None
        if known is None:
            send(self, cmd, name, rtype)
        elif cmd == "UNREGISTER":
            _family.forget_inode(known[0])
        elif cmd == "REGISTER" and known[1]:
            _family.note_inode(known[0])

    _send._hasten = True  # type: ignore[attr-defined]
    resource_tracker.ResourceTracker._send = _send  # type: ignore[attr-defined]


# Now, so that a program's descriptors do not grow by two at its first block.
_family.ensure()
_pass_on_to_children()
_keep_ours_from_the_tracker()
