"""The warning that the old names give."""

import warnings


def deprecated(message: str) -> None:
    """Warn the caller of a compiled function, which has no frame of its own."""
    warnings.warn(message, DeprecationWarning, stacklevel=2)
