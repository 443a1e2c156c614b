from multiprocessing.forkserver import *  # noqa: F403
from multiprocessing.forkserver import __all__ as __all__
