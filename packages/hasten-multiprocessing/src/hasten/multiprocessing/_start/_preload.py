"""set_forkserver_preload(on_error="warn" or "fail") before 3.15, whose servers ignore what they can't import.

The list of modules that the server is given begins with this module and with the policy, which is none: the
server imports this one first, which finds the list in the server's main() (3.9 to 3.14), imports the others
and does what the policy says.
"""

from __future__ import annotations

import sys
import warnings

POLICY = "on_error="
NOTE = "the fork server may have ended while it imported what is preloaded: see its traceback on stderr"


def told_to(modules: list[str], on_error: str) -> list[str]:
    """The list for a server that treats import errors as *on_error* says."""
    return [__name__, f"{POLICY}{on_error}", *modules]


def explain(error: BaseException, modules: list[str]) -> None:
    """Say of a start that failed that the server has ended, where it was told to end."""
    if f"{POLICY}fail" not in modules[1:2]:
        return
    if hasattr(error, "add_note"):
        error.add_note(NOTE)
    else:
        error.args = (f"{error}: {NOTE}",)


def _list_of_the_server() -> list[str]:
    frame = sys._getframe()
    while frame is not None:
        in_server = frame.f_globals.get("__name__") == "multiprocessing.forkserver"
        if in_server and frame.f_code.co_name == "main":
            return list(frame.f_locals.get("preload") or ())
        frame = frame.f_back  # type: ignore[assignment]
    return []


def _import_all(marker: str, modules: list[str]) -> None:
    for name in modules:
        try:
            __import__(name)
        except ImportError as error:
            if marker == f"{POLICY}fail":
                import traceback  # for this alone: the parent has this module, too

                traceback.print_exc()
                raise SystemExit(1) from error  # an ImportError would be ignored
            warnings.warn(f"Failed to preload module {name!r}: {error}", ImportWarning, stacklevel=2)


_told = _list_of_the_server()
if _told[:1] == [__name__]:
    _import_all(_told[1], _told[2:])
