# cython: freethreading_compatible=True
"""What `vars()` and `__dict__` of an instance show: see attributes.pxi."""

include "attributes.pxi"
