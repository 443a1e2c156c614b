"""What an import costs: modules that only some programs need are imported when they are asked for."""

import pytest

LATE = ["multiprocessing", "concurrent.futures.process", "asyncio", "tqdm", "hasten.futures.process"]


@pytest.mark.parametrize("statement", [
    "import hasten.futures",
    "from hasten.futures import ThreadPoolExecutor, wait, as_completed",
    "import hasten.futures; hasten.futures.ThreadPoolExecutor(1).submit(len, '').result()",
    "import hasten.futures.thread, hasten.futures._base",
])  # fmt: skip
def test_processes_are_not_imported(python, statement):
    assert python(
        f"""
import sys
{statement}
print([name for name in {LATE} if name in sys.modules])
"""
    ) == "[]\n"


def test_process_pools_are_when_asked_for(python):
    assert python(
        """
import sys, hasten.futures, concurrent.futures
assert "ProcessPoolExecutor" in dir(hasten.futures)
print(hasten.futures.ProcessPoolExecutor.__name__, "concurrent.futures.process" in sys.modules)
assert issubclass(hasten.futures.ProcessPoolExecutor, concurrent.futures.Executor)
assert issubclass(hasten.futures.ProcessPoolExecutor, hasten.futures.Executor)
from hasten.futures.process import BrokenProcessPool
"""
    ) == "ProcessPoolExecutor True\n"


def test_thread_pools_are_when_asked_for(python):
    assert python(
        """
import pickle, sys, hasten.futures
assert "ThreadPoolExecutor" in dir(hasten.futures) and "ThreadPoolExecutor" not in vars(hasten.futures)
before = {"hasten.futures.thread", "concurrent.futures.thread"} & set(sys.modules)
pool = hasten.futures.ThreadPoolExecutor
print(before, pool.__module__, "concurrent.futures.thread" in sys.modules)
assert vars(hasten.futures)["ThreadPoolExecutor"] is pool is hasten.futures.thread.ThreadPoolExecutor
assert pickle.loads(pickle.dumps(pool)) is pool
"""
    ) == "set() hasten.futures True\n"


def test_the_library_is_left_as_it_was(python):
    """Importing ours changes nothing for those who use theirs."""
    assert python(
        """
import concurrent.futures as theirs
before = {name: getattr(theirs, name) for name in theirs.__all__ if name != "InterpreterPoolExecutor"}
fields = [dict(vars(cls)) for cls in before.values() if isinstance(cls, type)]
import hasten.futures
assert all(getattr(theirs, name) is value for name, value in before.items())
assert fields == [dict(vars(cls)) for cls in before.values() if isinstance(cls, type)]
with theirs.ThreadPoolExecutor(1) as pool:
    print(type(pool.submit(len, "")).__module__)
"""
    ) == "concurrent.futures._base\n"
