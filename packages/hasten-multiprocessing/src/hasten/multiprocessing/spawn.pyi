from multiprocessing.spawn import *  # noqa: F403
from multiprocessing.spawn import __all__ as __all__
