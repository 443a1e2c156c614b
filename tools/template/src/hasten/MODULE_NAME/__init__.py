"""MODULE_NAME, compiled.  The classes and functions come from the compiled core."""

from hasten.MODULE_NAME._core import deadline_after, now

__all__ = ["deadline_after", "now"]
