"""`multiprocessing.spawn`: the command line and the preparation of a spawned child.

This is the interpreter's own module: its state exists once, and a program's replacements in it apply to all
users.
"""

import multiprocessing.spawn as _stdlib
import sys

sys.modules[__name__] = _stdlib
