"""Runs CPython's own regression suite, taken from the running interpreter, over hasten."""
