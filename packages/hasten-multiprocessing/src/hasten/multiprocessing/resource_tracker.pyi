from multiprocessing.resource_tracker import *  # noqa: F403
from multiprocessing.resource_tracker import __all__ as __all__
