"""Rows of `subprocess`."""
