"""The warning that the old names give."""

import warnings


def deprecated(message: str, level: int = 2) -> None:
    """Warn the caller of the function that calls this; level 2 if that is compiled (no frame), else 3."""
    warnings.warn(message, DeprecationWarning, stacklevel=level)
