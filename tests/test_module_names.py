"""Every name of a module of the standard library is in ours: programs and mock.patch() use more than
`__all__`.

Names that modules import for themselves count too: `queue.deque`, `sched.time`.
"""

import multiprocessing.shared_memory  # noqa: F401 (so that the package has it)
import subprocess
import sys
from importlib import import_module

import pytest

MODULES = {
    "_thread": "hasten._thread",
    "threading": "hasten.threading",
    "queue": "hasten.queue",
    "sched": "hasten.sched",
    "subprocess": "hasten.subprocess",
    "multiprocessing.shared_memory": "hasten.shared_memory",
    "concurrent.futures": "hasten.futures",
    "concurrent.futures._base": "hasten.futures._base",
    "concurrent.futures.thread": "hasten.futures.thread",
    "concurrent.futures.process": "hasten.futures.process",
    "concurrent.futures.interpreter": "hasten.futures.interpreter",
}
PARTS = "connection context dummy dummy.connection forkserver heap managers pool popen_fork popen_forkserver"
PARTS += " popen_spawn_posix process queues reduction resource_sharer resource_tracker sharedctypes spawn"
PARTS += " synchronize util"
for _part in ["", *(f".{part}" for part in PARTS.split())]:
    MODULES[f"multiprocessing{_part}"] = f"hasten.multiprocessing{_part}"
# (module or *, name) -> why ours does not have it.
LEFT_OUT = {
    ("*", "__path__"): "where a package's parts are",
    ("*", "__cached__"): "compiled code has none",
    ("*", "__file__"): "of the file itself",
    ("*", "__author__"): "we are not he",
    ("*", "__annotations__"): "of the file itself",
    ("*", "__conditional_annotations__"): "of the file itself",
    ("*", "__annotate__"): "of the file itself",
    ("*", "__warningregistry__"): "left there by warnings that the module has given",
    ("*", "__builtins__"): "of the file itself",
    ("multiprocessing", "shared_memory"): "there once it is imported; ours is beside the package",
}
if sys.version_info >= (3, 14):
    LEFT_OUT["concurrent.futures", "_interpreters"] = "what it imports to know whether there are any"
    for _name in ("sys", "_thread", "traceback"):
        LEFT_OUT["concurrent.futures.interpreter", _name] = "ours imports others"


def is_left_out(module, name):
    return (module, name) in LEFT_OUT or ("*", name) in LEFT_OUT


@pytest.mark.parametrize("name", MODULES)
def test_every_name_of_the_standard_librarys_module(name):
    try:
        stdlib = import_module(name)
    except ModuleNotFoundError:
        assert name == "concurrent.futures.interpreter" and sys.version_info < (3, 14)
        pytest.skip("new in 3.14")
    ours = import_module(MODULES[name])
    missing = [key for key in list(vars(stdlib)) if not hasattr(ours, key) and not is_left_out(name, key)]
    assert missing == []


def test_nothing_is_left_out_without_need():
    """Each entry of LEFT_OUT is of some use: a name that no module of the standard library has is none."""
    unused = [
        (module, name)
        for module, name in LEFT_OUT
        if module != "*"
        and (not hasattr(import_module(module), name) or hasattr(import_module(MODULES[module]), name))
    ]
    assert unused == []


def test_every_part_of_multiprocessing_under_the_launcher():
    """There `threading` and `queue`, which the parts are made of, are ours as well."""
    lines = ["import queue, threading", *(f"import {name}" for name in MODULES if "multiprocessing" in name)]
    lines += ["from multiprocessing.queues import Empty, Full", "import multiprocessing.dummy as dummy"]
    lines += ["process = dummy.Process(target=print, args=('ran',))", "process.start()", "process.join()"]
    lines += ["print(Full is queue.Full, isinstance(process, threading.Thread), process.exitcode)"]
    command = [sys.executable, "-m", "hasten", "-c", "\n".join(lines)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (result.stdout, result.stderr) == ("ran\nTrue True 0\n", "")
