"""Benchmarks of hasten against the standard library, in alternation, with verified results.

Why not pyperf: it runs every benchmark in worker processes of its own, all runs of one implementation first,
then all of the next. On a machine with anything else to do, the two then meet different loads, and a ratio of
two such medians moves by far more than what is to be shown. Here both sides take turns within one process,
some twenty milliseconds each, the order rotating from round to round, so that a disturbance hits both.
pyperf's model has no place for that: a worker of pyperf knows one function only.
"""
