"""`multiprocessing.popen_forkserver`: the standard library's own, over the processes and locks of the context it is given."""

import multiprocessing.popen_forkserver
import sys

sys.modules[__name__] = sys.modules["multiprocessing.popen_forkserver"]
