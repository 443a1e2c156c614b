# cython: freethreading_compatible=True
"""Random names for blocks."""

import secrets

from hasten.shared_memory._names cimport current


def _make_filename():
    """A random name for a block, with the slash."""
    return current("_SHM_NAME_PREFIX") + secrets.token_hex(4)
