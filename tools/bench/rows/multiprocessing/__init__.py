"""Rows of `multiprocessing`."""
