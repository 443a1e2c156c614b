"""Rows of `concurrent.futures`."""
