"""The standard library's `multiprocessing`, compiled: the API of CPython 3.15 on every supported version."""

__all__: list[str] = []
