"""`multiprocessing.managers`: the standard library's own, over the context that it is given."""

import multiprocessing.managers as _stdlib
import sys

sys.modules[__name__] = _stdlib
