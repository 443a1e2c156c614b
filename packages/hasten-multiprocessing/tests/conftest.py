"""No test here may leave a thread, process, descriptor or shared memory block behind."""

import sys

import interruptible  # noqa: F401
from leftovers import nothing_left_at_the_end, nothing_left_behind  # noqa: F401

# Not claimed without a GIL yet: what the README says of it.
collect_ignore_glob = ["test_*.py"] if "t" in getattr(sys, "abiflags", "") else []
