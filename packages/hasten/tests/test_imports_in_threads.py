"""Threads that import what is replaced at the same time: none waits for ever.

An import that comes while another thread loads the same package may fail, as the package is not whole then.
"""

from __future__ import annotations

import pytest

PROGRAM = """
import faulthandler, importlib, sys, threading

faulthandler.dump_traceback_later(20, exit=True)
names = sys.argv[1:]
barrier, ended = threading.Barrier(len(names)), []

def load(name):
    barrier.wait()
    try:
        importlib.import_module(name)
    except (ImportError, AttributeError):
        pass
    ended.append(name)

threads = [threading.Thread(target=load, args=(name,)) for name in names]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(ended))
"""


@pytest.mark.parametrize(
    "names",
    [
        ("concurrent.futures.process", "concurrent.futures.thread"),
        ("multiprocessing.pool", "multiprocessing.managers"),
    ],
    ids=", ".join,
)
def test_parts_of_one_package(run, names):
    run.write("program.py", PROGRAM)
    for _ in range(8):  # of 5 runs 3 did not end
        result = run.hasten("program.py", *names)
        assert (result.status, result.out, result.err) == (0, "2\n", "")
