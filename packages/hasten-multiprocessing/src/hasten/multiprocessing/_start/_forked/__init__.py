"""What a forked child runs before and after the program's own code, and the parent around the fork.

Compiled: after a fork() each page that a reference is counted in is copied, and a function of Python lies in
some five of them.
"""

try:
    from hasten.multiprocessing._start._forked import _bundle  # noqa: F401 (the compiled modules, in one file)
except ImportError:
    pass  # each in a file of its own, as for line coverage
