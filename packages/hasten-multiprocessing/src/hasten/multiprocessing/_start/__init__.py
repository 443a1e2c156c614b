"""How a child is started, and what it runs before the caller's function."""

try:
    from hasten.multiprocessing._start import _bundle  # noqa: F401 (the compiled modules, in one file)
except ImportError:
    pass  # they are files of their own
