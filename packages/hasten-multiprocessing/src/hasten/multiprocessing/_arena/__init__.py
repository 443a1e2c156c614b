"""Words in one shared mapping that every process of a family has: 64-byte slots in a memfd."""

try:
    from hasten.multiprocessing._arena import _bundle  # noqa: F401 (the compiled modules, in one file)
except ImportError:
    pass  # they are files of their own
