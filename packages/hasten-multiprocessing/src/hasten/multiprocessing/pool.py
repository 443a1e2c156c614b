"""`multiprocessing.pool`: the standard library's own, over the processes and locks of the context it is given."""

import multiprocessing.pool
import sys

sys.modules[__name__] = sys.modules["multiprocessing.pool"]
