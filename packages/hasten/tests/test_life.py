"""The life of a program: its globals are finalised as under plain python, and a signal ends it as there."""

import re
import signal
import subprocess
import sys
import sysconfig
import zipfile

import pytest
from support.signalling import until_asleep

# A collection in the middle of a program, which comes sooner or later by what was imported before, changes
# the order of the last one.  That one comes in any case.
NOISY = """\
import gc, os, sys
gc.disable()
class Noisy:
    def __init__(self, name): self.name = name
    def __del__(self):
        there = [name for name in ("helper", "first", "last") if globals().get(name) is not None]
        print("del", self.name, os and os.path.basename("a/b"), bool(sys and sys.stdout), there,
              helper and helper())
def helper(): return "helped"
first = Noisy("first")
"""

PROGRAMS = {
    "globals": NOISY
    + """\
_private = Noisy("_private")
cycle = [Noisy("cycle")]
cycle.append(cycle)
class Class:
    attribute = Noisy("class attribute")
def function(default=Noisy("default")): pass
last = Noisy("last")
""",
    "without functions": """\
import os, sys
class Noisy:
    def __del__(self): print("del", os and os.path.basename("a/b"), bool(sys and sys.stdout))
one, _two = Noisy(), Noisy()
""",
    "threads and queues": NOISY
    + """\
import queue, sched, subprocess, threading
local = threading.local()
local.value = Noisy("local")
items = queue.Queue()
items.put(Noisy("queued"))
done = []
thread = threading.Thread(target=done.append, args=(Noisy("argument"),), name=Noisy("name"))
thread.start()
thread.join()
event, condition = threading.Event(), threading.Condition()
timer = threading.Timer(1, print, [Noisy("timer")])
scheduler = sched.scheduler()
scheduler.enter(1, 1, print, (Noisy("scheduled"),))
result = subprocess.run(["true"])
result.mine = Noisy("result")
last = Noisy("last")
""",
    "exit": NOISY
    + """\
import atexit, weakref
atexit.register(lambda kept=Noisy("atexit"): print("exiting", kept.name))
weakref.finalize(first, print, "finalizer")
def run():
    try: yield 1
    finally: print("finally", helper())
running = run()
next(running)
last = Noisy("last")
sys.exit(3)
""",
    "error": NOISY
    + """\
def fail(local=Noisy("local")):
    raise ValueError(Noisy("in the exception"))
try: fail()
except ValueError as error: kept = error
last = Noisy("last")
1 / 0
""",
    "pool": NOISY
    + """\
import concurrent.futures
pool = concurrent.futures.ThreadPoolExecutor(1)
future = pool.submit(Noisy, "result")
future.result()
future.add_done_callback(lambda future: None)
last = Noisy("last")
""",
    "kept by modules": NOISY
    + """\
import queue, threading
queue.kept = Noisy("queue")
threading.kept = Noisy("threading")
import beside
beside.kept = Noisy("beside")
sys.kept = Noisy("sys")
last = Noisy("last")
""",
    "files": """\
import gzip, os, shelve, socket, sys, tempfile, zipfile, queue, threading
archive = zipfile.ZipFile("left.zip", "w")
archive.writestr("name", "data")
packed = gzip.open("left.gz", "wb") if sys.version_info < (3, 12) else None
if packed: packed.write(b"hello")
shelf = shelve.open("left-shelf", writeback=True)
shelf["list"] = []
shelf["list"].append(1)
text = open("left.txt", "w")
text.write("text")
if not getattr(sys, "_is_gil_enabled", lambda: True)():
    text.flush()  # plain python may lose it, too: its buffer may be finalised first, by the memory address
directory = tempfile.TemporaryDirectory(prefix="left-", dir=".")
temporary = tempfile.NamedTemporaryFile(prefix="left-", dir=".")
server = socket.socket()
""",
}

# The files that the program has left, and what is in them.
READ = """\
import gzip, os, shelve, sys, zipfile
print(zipfile.ZipFile("left.zip").namelist(), open("left.txt").read())
if sys.version_info < (3, 12):
    print(gzip.open("left.gz").read())
with shelve.open("left-shelf") as shelf:
    print(dict(shelf))
print(sorted(name for name in os.listdir() if name.startswith("left-") and "shelf" not in name))
"""

FORMS = {
    "script": ["app.py"],
    "module": ["-m", "app"],
    "command": ["-c", "{source}"],
    "stdin": ["-"],
    "folder": ["folder"],
    "zip file": ["app.zip"],
}


@pytest.fixture(params=FORMS)
def form(request, run):
    """Writes a program in one form; returns the arguments and standard input that run it."""

    def write(source):
        run.write("beside.py", "")
        run.write("app.py", source)
        run.write("folder/__main__.py", source)
        run.write("folder/beside.py", "")
        with zipfile.ZipFile(run.folder / "app.zip", "w") as archive:
            archive.writestr("__main__.py", source)
            archive.writestr("beside.py", "")
        args = [arg.format(source=source) for arg in FORMS[request.param]]
        return args, source if request.param == "stdin" else ""

    return write


# In which order the collector finds what only objects of a library refer to is not the program's matter.
# Without a GIL it goes by where the objects are in memory.
IN_ANY_ORDER = ("threads and queues", "pool", "exit")
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def comparable(result, program=None):
    result.err = re.sub("0x[0-9a-f]+", "0x", result.err)
    if program in IN_ANY_ORDER or FREE_THREADED:
        result.out = "\n".join(sorted(result.out.splitlines()))
    return result


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name != "files"])
def test_globals_are_finalised_as_by_python(run, form, program):
    args, stdin = form(PROGRAMS[program])
    expected = comparable(run.python(*args, stdin=stdin), program)
    assert "del" in expected.out
    assert comparable(run.hasten(*args, stdin=stdin), program) == expected


def test_files_left_open_are_whole(run, form):
    args, stdin = form(PROGRAMS["files"])
    results = []
    for launch in run.python, run.hasten:
        assert launch(*args, stdin=stdin).status == 0
        results.append(run.check(READ))
    assert results[0] == results[1]
    assert "['name'] text" in results[0] and "{'list': [1]}" in results[0]


@pytest.mark.parametrize("flags", [["-X", "dev"], ["-i", "-q"], ["-O"], ["-I"]], ids=" ".join)
def test_flags(run, flags):
    run.write("app.py", PROGRAMS["globals"])
    expected = comparable(run.python(*flags, "app.py"))
    assert "del first" in expected.out
    assert comparable(run.hasten("app.py", flags=flags)) == expected


def test_with_a_report(run):
    run.write("app.py", PROGRAMS["globals"])
    assert comparable(run.hasten("--report", "app.py")).out == comparable(run.python("app.py")).out


WAITING = """\
import threading
go, started = threading.Event(), threading.Event()
def work():
    started.set()
    go.wait()
threading.Thread(target=work).start()
started.wait()
print("end", flush=True)
"""
WAITING_POOL = """\
import concurrent.futures, threading
go = threading.Event()
pool = concurrent.futures.ThreadPoolExecutor(1)
pool.submit(go.wait)
print("end", flush=True)
"""


@pytest.mark.parametrize("source", [WAITING, WAITING_POOL], ids=["thread", "pool"])
@pytest.mark.parametrize("args", [["app.py"], ["-m", "app"]], ids=["script", "module"])
def test_one_interrupt_ends_a_program_that_waits_for_its_threads(run, args, source):
    """The status is python's, and the last words name the same exception."""
    run.write("app.py", source)
    ends = []
    for launcher in ([], ["-m", "hasten"]):
        command = [sys.executable, *launcher, *args]
        with subprocess.Popen(
            command, cwd=run.folder, env=run.env, stdout=-1, stderr=-1, text=True
        ) as process:
            try:
                assert process.stdout.readline() == "end\n"
                until_asleep(process.pid)
                process.send_signal(signal.SIGINT)
                status = process.wait(10)
                ends.append((status, process.stderr.read().splitlines()[-1:]))
            finally:
                if process.poll() is None:
                    process.kill()
    assert ends[0] == ends[1]
