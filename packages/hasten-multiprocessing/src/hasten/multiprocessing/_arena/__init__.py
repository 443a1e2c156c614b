"""Memory for locks: 64-byte slots in a memfd that a process and its children map."""

try:
    from hasten.multiprocessing._arena import _bundle  # noqa: F401 (the compiled modules, in one file)
except ImportError:
    pass  # they are files of their own
