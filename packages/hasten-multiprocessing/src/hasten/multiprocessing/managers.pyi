from multiprocessing.managers import *  # noqa: F403
