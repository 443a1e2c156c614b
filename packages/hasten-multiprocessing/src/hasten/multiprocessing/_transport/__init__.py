"""How objects and bytes travel between processes: pickling, connections, the ring."""

try:
    from hasten.multiprocessing._transport import _bundle  # noqa: F401 (the compiled modules, in one file)
except ImportError:
    pass  # they are files of their own
