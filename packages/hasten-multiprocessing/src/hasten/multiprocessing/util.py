"""`multiprocessing.util`: finalizers, hooks after fork, the logger, the temporary folder.

It is the interpreter's own module, so that there is one of each, and what a program replaces in it is
replaced for everybody.
"""

import multiprocessing.util as _stdlib
import sys

sys.modules[__name__] = _stdlib
