"""Managers: a server that holds objects, channels to it, and proxies for what it holds."""
