"""Locks, semaphores, conditions, events and barriers on words of the arena."""

try:
    from hasten.multiprocessing._sync import _bundle  # noqa: F401 (the compiled modules, in one file)
except ImportError:
    pass  # they are files of their own
