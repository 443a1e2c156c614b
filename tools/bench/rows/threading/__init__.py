"""Rows of `threading`."""
