"""`multiprocessing.resource_tracker`: the process that removes what others leave behind.

It is the interpreter's own module, so that there is one of each, and what a program replaces in it is
replaced for everybody.
"""

import multiprocessing.resource_tracker as _stdlib
import sys

sys.modules[__name__] = _stdlib
