"""Rows of `multiprocessing.shared_memory`."""
