"""`multiprocessing.forkserver`: the server that forks children, and the modules it preloads.

This is the interpreter's own module, so the server, its process and its settings are shared with it.
Our children are forked by a process that this server has forked, see _start/_zygote.py.
"""

import multiprocessing.forkserver as _stdlib
import sys

sys.modules[__name__] = _stdlib
