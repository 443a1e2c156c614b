from multiprocessing.dummy import *  # noqa: F403
