"""All faults in one place: games, crashes and tests of kills, signals, exhaustion, errors and forks.

hasten and the standard library play at the same time, each job in processes of its own with a limit.  Counted
are, for each of the two:

    kills    processes that were killed with SIGKILL
    hangs    waits that did not end: of a game, a test, a task of a pool, or a whole job
    losses   totals, results and tests that came out wrong, processes that crashed by themselves, and tasks of
             a pool that failed though their worker was not killed: the standard library's executor fails all
             of them, as is documented
    leaks    processes, threads, descriptors and names in /dev/shm that were left
"""
