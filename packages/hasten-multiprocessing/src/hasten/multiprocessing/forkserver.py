"""`multiprocessing.forkserver`: the server that forks children, and what it imports before.

It is the interpreter's own module: the server, its process and its settings are found where they always were.
Children are forked by a process that this server has forked for us, see _start/_zygote.py.
"""

import multiprocessing.forkserver as _stdlib
import sys

sys.modules[__name__] = _stdlib
