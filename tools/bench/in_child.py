"""Measurements that need a process of their own: a script runs in a new interpreter and reports one object.

The scripts find these ready: `source`, the module under measurement; `arguments`, further words, as strings;
resident() and quiet(). They end with report(...), which ends the process without waiting for any thread.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

PRELUDE = """
import gc, importlib, json, os, sys, time

source, arguments = importlib.import_module(sys.argv[1]), sys.argv[2:]

def resident():
    "Bytes of this process that are in memory."
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def quiet():
    "Whether the threads of this process have nothing to do: it uses no CPU for a moment."
    before = time.process_time()
    time.sleep(0.05)
    return time.process_time() - before < 0.005

def report(**found):
    print(json.dumps(found), flush=True)
    os._exit(0)
"""


def report_of(script: str, module: Any, *arguments: object) -> Any:
    """What the script has reported when run with this module in a new interpreter."""
    command = [sys.executable, "-c", PRELUDE + script, module.__name__, *map(str, arguments)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
