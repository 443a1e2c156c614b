"""`multiprocessing.spawn`: the command line and the preparation of a child that is started anew.

It is the interpreter's own module, so that there is one of each, and what a program replaces in it is
replaced for everybody.
"""

import multiprocessing.spawn as _stdlib
import sys

sys.modules[__name__] = _stdlib
