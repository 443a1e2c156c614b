"""What runs for minutes: soaks, whose memory may not grow, and games whose totals must be exact.

`python tools/bench SUITE --soak` and `--stress` run those of one suite, `python tools/chaos` all games.
A file is named after the module that it works: NAME_soak.py, NAME_stress.py, and NAME_kills.py where the
players are processes that are killed.
"""
