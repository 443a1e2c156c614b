"""`multiprocessing.util`: finalizers, hooks after fork, the logger, the temporary directory.

This is the interpreter's own module: its state exists once, and a program's replacements in it apply to all
users.
"""

import multiprocessing.util as _stdlib
import sys

sys.modules[__name__] = _stdlib
