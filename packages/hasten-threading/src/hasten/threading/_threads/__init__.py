"""Thread's own module, threading.py.

Debuggers know the first frames of a thread by the name of their file: pydevd (debugpy, PyCharm) takes
`_bootstrap_inner` for the beginning of a thread, and allows sys.settrace(), only in a "threading.py".
"""
