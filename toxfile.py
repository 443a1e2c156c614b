"""Read by tox: all environments of one call share one list of flaky tests (tools/flaky_tests.py).

They may run in processes of their own (tox -p), which inherit the folder.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path


def tell_and_remove(folder: str) -> None:
    flaky = Path(folder, "flaky")
    if flaky.exists():
        sys.stdout.write(flaky.read_text(encoding="utf-8"))
    shutil.rmtree(folder, ignore_errors=True)


if "HASTEN_GATE" not in os.environ:  # else a run around this one has made it, and tells what is in it
    os.environ["HASTEN_GATE"] = tempfile.mkdtemp(prefix="hasten-gate-")
    atexit.register(tell_and_remove, os.environ["HASTEN_GATE"])
