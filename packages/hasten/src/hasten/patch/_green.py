"""gevent and eventlet replace the same names, by versions that switch greenlets.

A compiled wait stops the whole loop of greenlets, so there is no working mixture.  Whoever comes second is
refused, at its call and before anything has been changed: :func:`refuse` when they have patched already,
and :func:`watch_gevent` and :func:`watch_eventlet` when they are asked to afterwards.  What they replace
that hasten has not is their matter.
"""

from __future__ import annotations

import sys

from hasten.patch import _redirect
from hasten.patch._table import Refused

# What the libraries call a part -> the modules it patches.
_PARTS = {"thread": ("_thread", "threading", "queue"), "queue": ("queue",), "subprocess": ("subprocess",)}


def refuse() -> None:
    """Raise :class:`Refused` if one of them has patched the standard library."""
    gevent = sys.modules.get("gevent.monkey")
    eventlet = sys.modules.get("eventlet.patcher")
    for library, patched in (
        ("gevent", getattr(gevent, "saved", None)),
        ("eventlet", getattr(eventlet, "already_patched", None)),
    ):
        if patched:
            raise Refused(
                f"{library} has monkey-patched the standard library, and hasten's waits would block all its "
                f"greenlets: do without one of the two"
            )


def _check(call, parts):
    names = [name for part in parts for name in _PARTS.get(part, (part,)) if name in _redirect.active]
    if names:
        replaced = ", ".join(dict.fromkeys(names))
        raise Refused(
            f"{call} cannot patch {replaced}: hasten has replaced them, and its waits would block all "
            f"greenlets. Run the program without hasten, or leave out what both replace "
            "(python -m hasten --except NAME,...)"
        )


def watch_gevent(events) -> None:
    """From now on, have it refused when it is about to patch a module that is replaced."""
    # gevent tells its subscribers before it patches, and lets through what they raise.
    if _before_gevent not in events.subscribers:
        events.subscribers.append(_before_gevent)


def _before_gevent(event):
    kind = type(event).__name__
    if kind == "GeventWillPatchAllEvent":
        _check("gevent.monkey.patch_all()", [part for part in _PARTS if event.will_patch_module(part)])
    elif kind == "GeventWillPatchModuleEvent":
        _check("gevent.monkey", [event.target.__name__])


def watch_eventlet(patcher) -> None:
    """The same."""
    monkey_patch = patcher.monkey_patch
    if getattr(monkey_patch, "hasten", False):
        return

    from functools import wraps

    @wraps(monkey_patch)
    def checked(**on):
        default = on.get("all")
        if default is None:
            default = not any(on.values())
        _check(
            "eventlet.monkey_patch()", [part for part in ("thread", "subprocess") if on.get(part, default)]
        )
        return monkey_patch(**on)

    checked.hasten = True
    patcher.monkey_patch = checked
