"""`multiprocessing.pool`: the standard library's own, over the context that it is given."""

import multiprocessing.pool as _stdlib
import sys

sys.modules[__name__] = _stdlib
