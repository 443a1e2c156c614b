from multiprocessing.forkserver import *  # noqa: F403
