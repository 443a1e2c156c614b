"""`multiprocessing.resource_tracker`: the process that removes leaked resources.

This is the interpreter's own module: there is one tracker, and a program's replacements in it apply to all
users.
"""

import multiprocessing.resource_tracker as _stdlib
import sys

sys.modules[__name__] = _stdlib
