"""The warning that the old names give."""

import sys

_SINCE = (3, 10)  # the standard library's names have not warned before


def deprecated(message: str, level: int = 2) -> None:
    """Warn the caller of the function that calls this; level 2 if that is compiled (no frame), else 3."""
    if sys.version_info >= _SINCE:
        import warnings

        warnings.warn(message, DeprecationWarning, stacklevel=level)
