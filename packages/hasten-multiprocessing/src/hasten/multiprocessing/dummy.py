"""`multiprocessing.dummy`: the standard library's own, threads with the names of processes."""

import multiprocessing.dummy as _stdlib
import sys

sys.modules[__name__] = _stdlib
