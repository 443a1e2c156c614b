"""Stands for concurrent.futures.process, and is it: importing it gives the interpreter's module.

One object under both names, so that whoever patches its private names, or unpickles them in a child process,
reaches what the pool uses.  From now on its pool is an Executor of ours and its futures are ours, which are
the standard library's as well: so isinstance() holds for both.
"""

import sys
from concurrent.futures import process

from hasten.futures import _base

process._base = _base  # type: ignore[attr-defined]
process.ProcessPoolExecutor.__bases__ = (_base.Executor,)
sys.modules[__name__] = process
