from concurrent.futures.process import *  # noqa: F403
from concurrent.futures.process import BrokenProcessPool as BrokenProcessPool
from concurrent.futures.process import ProcessPoolExecutor as ProcessPoolExecutor
