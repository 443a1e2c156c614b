# cython: freethreading_compatible=True
"""What `vars()` and `__dict__` of an instance show, and what picklers get of it: see attributes.pxi."""

include "attributes.pxi"
