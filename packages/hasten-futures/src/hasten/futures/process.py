"""Stands for concurrent.futures.process, and is it: importing it gives the interpreter's module.

One object under both names, so that whoever patches its private names, or unpickles them in a child process,
reaches what the pool uses.
"""

import sys
from concurrent.futures import process

sys.modules[__name__] = process
