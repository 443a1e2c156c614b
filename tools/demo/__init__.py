"""An unmodified program, index_sources.py, under plain Python and under hasten: the same output, in how much
time.
"""
