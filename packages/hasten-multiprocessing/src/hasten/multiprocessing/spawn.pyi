from multiprocessing.spawn import *  # noqa: F403
