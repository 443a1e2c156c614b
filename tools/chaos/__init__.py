"""All faults in one place: games, crashes and tests of kills, signals, exhaustion, errors and forks.

hasten and the standard library take turns, each job in processes of its own with a limit.  Counted are, for
each of the two:

    kills    processes that were killed with SIGKILL
    hangs    waits that did not end: of a game, a test, a task of a pool, or a whole job
    losses   totals, results and tests that came out wrong, and processes that crashed by themselves
    leaks    processes, threads, descriptors and names in /dev/shm that were left
"""
