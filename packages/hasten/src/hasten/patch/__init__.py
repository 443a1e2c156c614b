"""Replace modules of the standard library by hasten's in the running program.

    import hasten.patch

    hasten.patch.install()               # everything that is installed
    hasten.patch.install("queue")        # this one
    with hasten.patch.install("queue"):  # for a while
        ...

Modules imported from then on get hasten's module where they import the standard library's; modules that were
imported before are patched in place (see ``_rebind``), so it is best done first.
"""

import sys
from _thread import RLock

try:
    from hasten.patch import _bundle  # the compiled modules, in one file
except ImportError:
    pass  # they are files of their own
else:
    _bundle.load("_table", "_redirect")

from hasten.patch import _redirect, _table
from hasten.patch._table import NotInstalled, Refused, UnknownModule

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from collections.abc import Iterable

    from hasten.patch import _rebind

__all__ = ["Installation", "NotInstalled", "Refused", "UnknownModule", "install", "is_installed", "uninstall"]

_GREEN = ("gevent.monkey", "eventlet.patcher")
_lock = RLock()  # guards _holds and _patches; held while a hasten module is loaded
_holds: "dict[str, list[Installation]]" = {}  # name -> the installations that want it replaced
_patches: "dict[str, _rebind.Patch]" = {}  # name -> what was patched in place for it


class Installation:
    """What one :func:`install` replaced; leaving it as a context manager puts that back.

    A name stays replaced until every installation that covers it has been left, in whatever order
    and in whatever thread, or until :func:`uninstall`.
    """

    def __init__(self, names, absent):
        self.names = tuple(names)
        self.absent = tuple(absent)  # wanted, but the distribution is not installed

    def __enter__(self) -> "Installation":
        return self

    def __exit__(self, *exc_info: object) -> None:
        with _lock:
            for name in reversed(self.names):
                if self in _holds.get(name, ()):
                    _release(name, self)

    def __repr__(self) -> str:
        return f"<hasten.patch.Installation of {', '.join(self.names) or 'nothing'}>"


def install(
    *names: str,
    only: "Iterable[str] | str | None" = None,
    exclude: "Iterable[str] | str | None" = None,
) -> Installation:
    """Replace the named modules, or by default all whose distribution is installed.

    *only* is another way to give the names; *exclude* takes names out.  Both take a list or a
    comma-separated string.  Installing twice is harmless.  Raises :class:`UnknownModule` (a ``ValueError``),
    :class:`NotInstalled` (an ``ImportError``) for a module asked for by name, and :class:`Refused`
    (a ``RuntimeError``) under gevent's or eventlet's monkey-patching.
    """
    if names and only is not None:
        raise ValueError("give the names either as arguments or as only=, not both")
    with _lock:
        selected, absent = _table.select(names or only, exclude)
        if any(name in sys.modules for name in _GREEN):
            from hasten.patch import _green

            _green.refuse()
        installation = Installation(selected, absent)
        try:
            # All are redirected before the first is patched in: replaced modules are left as they are.
            begun = [name for name in selected if _hold(name, installation)]
            if begun:
                from hasten.patch import _rebind
            for name in begun:
                _patches[name] = _rebind.Patch(name)
        except BaseException:
            installation.__exit__()
            raise
        for name, follow in _FOLLOWED.items():
            _redirect.after_import(name, follow)
        return installation


def uninstall() -> None:
    """Put everything back, whoever installed it.  Modules imported in between keep what they imported."""
    with _lock:
        for name in reversed(list(_holds)):
            for installation in list(_holds[name]):
                _release(name, installation)


def is_installed(name: "str | None" = None) -> bool:
    """Whether *name* is replaced at the moment; without a name, whether anything is."""
    if name is None:
        return bool(_redirect.active)
    return (_table.owner(name) or _table.names_of([name])[0]) in _redirect.active


def _follow_children(util):
    from hasten.patch import _children

    _children.follow(util)


def _watch_gevent(events):
    from hasten.patch import _green

    _green.watch_gevent(events)


def _watch_eventlet(patcher):
    from hasten.patch import _green

    _green.watch_eventlet(patcher)


# Imported only when the program imports the module that needs it.
_FOLLOWED = {
    "multiprocessing.util": _follow_children,
    "gevent.events": _watch_gevent,
    "eventlet.patcher": _watch_eventlet,
}


def _hold(name, installation):
    """Count *installation* for *name*; return whether modules imported before have to be patched in place."""
    if name in _holds:
        _holds[name].append(installation)
        return False
    _holds[name] = [installation]
    return _redirect.begin(name)


def _release(name, installation):
    _holds[name].remove(installation)
    if not _holds[name]:
        del _holds[name]
        if name in _patches:
            _patches.pop(name).undo()
        _redirect.end(name)
