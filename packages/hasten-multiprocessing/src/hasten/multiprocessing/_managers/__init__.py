"""Managers: a server that holds objects, channels to it, and proxies of its objects."""
