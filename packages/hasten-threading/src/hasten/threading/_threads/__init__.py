"""Thread's own module, threading.py.

Debuggers know the first frames of a thread by the name of their file: pydevd (debugpy, PyCharm) takes
`_bootstrap_inner` for the begin of a thread, and lets sys.settrace() be called, in a "threading.py" only.
"""
