from multiprocessing.util import *  # noqa: F403
from multiprocessing.util import __all__ as __all__
