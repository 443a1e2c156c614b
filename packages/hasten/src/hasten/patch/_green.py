"""gevent and eventlet replace the same names, by versions that switch greenlets.

A compiled wait blocks the whole loop of greenlets, so the two cannot be combined.  The second call is refused
before it changes anything: hasten's by :func:`refuse` if the library has patched already, the library's by
:func:`watch_gevent` or :func:`watch_eventlet` if hasten has.  The library may patch modules that hasten has
not replaced.
"""

from __future__ import annotations

import sys

from hasten.patch import _redirect
from hasten.patch._table import Refused

# What the libraries call a part -> the modules it patches.
_PARTS = {"thread": ("_thread", "threading", "queue"), "queue": ("queue",), "subprocess": ("subprocess",)}


def refuse() -> None:
    """Raise :class:`Refused` if gevent or eventlet has patched the standard library."""
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
    """From now on, gevent's calls that would patch a replaced module raise :class:`Refused`."""
    # gevent notifies its subscribers before it patches, and lets their exceptions through.
    if _before_gevent not in events.subscribers:
        events.subscribers.append(_before_gevent)


def _before_gevent(event):
    kind = type(event).__name__
    if kind == "GeventWillPatchAllEvent":
        _check("gevent.monkey.patch_all()", [part for part in _PARTS if event.will_patch_module(part)])
    elif kind == "GeventWillPatchModuleEvent":
        _check("gevent.monkey", [event.target.__name__])


def watch_eventlet(patcher) -> None:
    """From now on, eventlet's ``monkey_patch()`` raises :class:`Refused` for a replaced module."""
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
