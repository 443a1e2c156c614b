"""Who is responsible for a named block: what connects this process's family with the standard library.

Two places of multiprocessing's are touched, here and nowhere else.

The process's `_config`, which multiprocessing hands to each child with the Process object: a child of "spawn"
or "forkserver" gets the family's two descriptors in it, as one of "fork" inherits them.

`ResourceTracker._send`, by which the tracker's process hears of a block.  It never hears of ours: programs
call `resource_tracker.unregister(shm._name, "shared_memory")`, so that an attaching process does not remove
the block, or a maker leaves it behind.  The tracker's process would print a KeyError for a name it does not
know.  For a block of ours unregister() means that it is not to be removed with its family, and register() the
opposite.
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
    """What multiprocessing hands to a child that it starts, besides its configuration proper.

    In the child it is a plain tuple of the standard library's objects: the child may be an interpreter that
    has no hasten, and one that has it need not import it.  Even so it is of the family, as it has the line
    open.
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
    """Be of the family of the process that started this one, if it has passed it on.

    Not when this module is imported: a child imports the program before it has its configuration.
    """
    config = getattr(process.current_process(), "_config", None)
    told = config.get(KEY) if isinstance(config, dict) else None
    if config is not None and isinstance(told, tuple):
        _join(told)
        config[KEY] = Membership()


def _join(told: tuple[Any, ...]) -> None:
    """Numbers that have come to mean other files are left alone."""
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
        # programs give it SharedMemory.name too, without the slash
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
# Now, so that a program's descriptors do not grow by two at its first block.
_family.ensure()
_keep_ours_from_the_tracker()
