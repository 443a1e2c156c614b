"""The redirect in child processes."""

import os
import sys

import pytest

POOL = """\
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor

def own(module):  # the last of its names in sys.modules: hasten's, if it is hasten's
    return max((n for n in list(sys.modules) if sys.modules[n] is module), key=len)

def names(_):
    import queue, _thread, os
    return own(queue), own(_thread), sorted(os.environ) == sorted(ENVIRON), os.getpid() != PARENT

ENVIRON, PARENT = None, None

def begin(environ, parent):
    global ENVIRON, PARENT
    ENVIRON, PARENT = environ, parent

if __name__ == "__main__":
    import os
    context = multiprocessing.get_context(sys.argv[1])
    what = list(os.environ), os.getpid()
    with context.Pool(1, begin, what) as pool:
        print(pool.map(names, [1]))
    with ProcessPoolExecutor(1, context, begin, what) as pool:
        print(list(pool.map(names, [1])))
"""
REDIRECTED = "[('hasten.queue', 'hasten._thread', True, True)]\n" * 2
PLAIN = "[('queue', '_thread', True, True)]\n" * 2
METHODS = ("fork", "spawn", "forkserver")


def quiet(result):
    assert (result.status, result.err) == (0, ""), result
    return result.out


@pytest.mark.parametrize("flags", [[], ["-I"], ["-E", "-s"]], ids=" ".join)
@pytest.mark.parametrize("method", METHODS)
def test_children_of_multiprocessing(run, method, flags):
    run.write("app.py", POOL)
    assert quiet(run.hasten("app.py", method, flags=flags)) == REDIRECTED
    assert quiet(run.python(*flags, "app.py", method)) == PLAIN


@pytest.mark.parametrize("method", METHODS)
def test_children_replace_what_their_parent_replaces(run, method):
    run.write("app.py", POOL)
    out = quiet(run.hasten("--only", "queue", "app.py", method))
    assert out == REDIRECTED.replace("hasten._thread", "_thread")


@pytest.mark.parametrize("method", METHODS)
def test_with_the_api_and_only_inside_the_block(run, method):
    install = "    import os, hasten.patch\n    block = hasten.patch.install('queue')\n"
    body = POOL.replace("    import os\n", install)
    body += "    block.__exit__()\n    with context.Pool(1, begin, what) as pool:\n"
    body += "        print(pool.map(names, [1]))\n"
    run.write("app.py", body)
    out = quiet(run.python("app.py", method))
    inside, outside = out.splitlines()[:2], out.splitlines()[2]
    assert inside == ["[('hasten.queue', '_thread', True, True)]"] * 2
    # A fork server that is up goes on with what it began with.
    assert ("hasten" in outside) == (method == "forkserver")


def test_grandchildren(run):
    run.write(
        "app.py",
        """\
import multiprocessing, sys
def leaf(pipe):
    import queue
    pipe.send(sys.modules.get("hasten.queue") is queue)
def branch(pipe):
    child = multiprocessing.get_context("spawn").Process(target=leaf, args=(pipe,))
    child.start()
    child.join()
if __name__ == "__main__":
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=branch, args=(there,))
    child.start()
    print(here.recv())
    child.join()
    print(child.exitcode)
""",
    )
    assert quiet(run.hasten("app.py")) == "True\n0\n"


DURING_A_LOAD = """\
import multiprocessing, sys, threading
from hasten.patch import _redirect

def say(pipe): pipe.send("started")

def load():  # as a thread does that uses a part of multiprocessing for the first time
    with _redirect._StdlibWorld("multiprocessing"):
        loading.set()
        failed.wait(30)

def wait_for_names(timeout):  # called when the pickling has failed
    failed.set()
    wait(timeout)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    here, there = context.Pipe()
    for again in (False, True):  # at first, what a start needs is loaded
        loading, failed = threading.Event(), threading.Event()
        child = context.Process(target=say, args=(there,))
        if again:
            wait, _redirect.wait_for_names = _redirect.wait_for_names, wait_for_names
            thread = threading.Thread(target=load)
            thread.start()
            loading.wait()
        child.start()
        print(here.recv(), failed.is_set())
        child.join()
        failed.set()
    thread.join()
"""


WRAPPED = """\
import functools, multiprocessing, multiprocessing.util, queue, sys

start = multiprocessing.util.spawnv_passfds

@functools.wraps(start)
def spawnv_passfds(path, args, passfds):
    lines.append(args[args.index("-c") + 1])
    return start(path, args, passfds)

def own():
    print(queue.Queue is sys.modules["hasten.queue"].Queue, flush=True)

if __name__ == "__main__":
    lines = []
    multiprocessing.util.spawnv_passfds = spawnv_passfds
    child = multiprocessing.get_context("spawn").Process(target=own)
    child.start()
    child.join()
    print([line.partition(";")[0] for line in lines if "tracker import" not in line])
"""


def test_a_program_that_wraps_the_start_sees_the_standard_librarys_command_line(run):
    """viztracer puts itself in front of it; functools.wraps() copies the attributes of ours."""
    run.write("app.py", WRAPPED)
    assert quiet(run.hasten("app.py")) == "True\n['from multiprocessing.spawn import spawn_main']\n"


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_start_while_another_thread_loads_a_module(run, method):
    """Names mean the standard library's during that, and pickle does not find hasten's classes by them."""
    run.write("app.py", DURING_A_LOAD)
    assert quiet(run.hasten("app.py", method)) == "started False\nstarted True\n"


def test_functions_travel_with_the_modules_they_use(run):
    """cloudpickle knows plain modules by their class; the others have to pickle themselves."""
    pytest.importorskip("cloudpickle")
    source = """\
import _thread, queue, threading, sched, subprocess, concurrent.futures as futures, pickle, sys
import multiprocessing, cloudpickle
from multiprocessing import connection, context, managers, pool, process, queues, shared_memory, synchronize
modules = {m.__name__: m for m in list(globals().values()) if type(sys) in type(m).__mro__}
for name in sorted(modules):
    def use(module=modules[name]):
        return module
    print(name, pickle.loads(cloudpickle.dumps(use))() is modules[name])
"""
    run.write("app.py", source)
    assert quiet(run.hasten("app.py")) == quiet(run.python("app.py"))


@pytest.mark.parametrize("method", METHODS)
def test_a_manager_of_children_knows_the_types_of_its_api(run, method):
    """`SyncManager.set()` is there before 3.14, too: its server, which is a child, makes sets."""
    run.write(
        "app.py",
        """\
import multiprocessing, sys
if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Manager() as manager:
        print(sorted(manager.set([2, 1])))
""",
    )
    assert quiet(run.hasten("app.py", method)) == "[1, 2]\n"


def test_classes_of_main_travel(run):
    """The child finds the program's classes whether it ran as a script or as a module."""
    source = """\
import multiprocessing
class Thing:
    def __eq__(self, other): return type(self) is type(other)
def same(thing): return thing
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(same, (Thing(),)) == Thing())
"""
    run.write("app.py", source)
    for args in (["app.py"], ["-m", "app"]):
        assert run.hasten(*args) == run.python(*args)
    assert quiet(run.hasten("app.py")) == "True\n"


def test_resource_tracker_is_left_alone(run):
    """A leaked block is reported by the tracker as under plain python, and removed."""
    source = """\
import sys
from multiprocessing import resource_tracker, shared_memory
block = shared_memory.SharedMemory(create=True, size=16)
line = b""
while b"resource_tracker" not in line:                      # until it is past its exec
    with open(f"/proc/{resource_tracker._resource_tracker._pid}/cmdline", "rb") as file:
        line = file.read()
print(b"hasten" in line)
name = block._name
block.close()
print("leaked", file=sys.stderr)
"""
    run.write("app.py", source)
    theirs = ("--except", "multiprocessing.shared_memory")  # hasten's tells the tracker nothing
    for result in (run.hasten(*theirs, "app.py"), run.python("app.py")):
        assert result.out == "False\n" and "leaked shared_memory" in result.err


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_another_python_without_hasten_is_not_disturbed(run, method):
    """set_executable() may name an interpreter that has no hasten: it runs with its standard library."""
    run.write("bare", f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    os.chmod(run.folder / "bare", 0o755)
    # the variables that a shell adds are there before, too: names() compares
    settings = "os.environ.update(PWD='.', OLDPWD='.', SHLVL='1', _='_')"
    start = f"    import os\n    multiprocessing.set_executable('./bare')\n    {settings}\n"
    run.write("app.py", POOL.replace("    import os\n", start))
    assert quiet(run.hasten("app.py", method)) == PLAIN


WRAPPER = """\
import multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor

def work(lock, event, value, queue, todo, simple, line, condition, barrier, array):
    with lock, condition:
        value.value += 1
        array[1] = 7
    event.set()
    queue.put(todo.get())
    todo.task_done()
    simple.put(os.environ.get("WRAPPED"))
    line.send("line")
    barrier.wait(30)

def parts(ctx):
    return (ctx.RLock(), ctx.Event(), ctx.Value("i"), ctx.Queue(), ctx.JoinableQueue(), ctx.SimpleQueue(),
            ctx.Pipe()[0], ctx.Condition(), ctx.Barrier(2), ctx.Array("i", 2))

def main(ctx):
    early, (line, end) = list(parts(ctx)), ctx.Pipe()
    ctx.set_executable("./wrapper")
    for made in early, list(parts(ctx)):
        made[6] = end
        made[4].put("task")
        child = ctx.Process(target=work, args=made)
        child.start()
        print(made[1].wait(30), made[3].get(timeout=30), made[5].get(), line.recv())
        print(made[2].value, made[9][:])
        made[4].join()
        made[8].wait(30)
        child.join()
        print(child.exitcode)
    with ctx.Manager() as manager:
        print(manager.dict(a=1).copy())
    with ctx.Pool(1) as pool:
        print(pool.map(abs, [-1, -2]))
    with ProcessPoolExecutor(1, mp_context=ctx) as executor:
        print(executor.submit(os.getenv, "WRAPPED").result())

if __name__ == "__main__":
    import multiprocessing.spawn
    main(multiprocessing.get_context(sys.argv[1]))
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_wrapper_script_is_set_around_a_start(run, method):
    """As those do who bind children to a NUMA node: locks and queues are made before or after that."""
    run.write("wrapper", f'#!/bin/sh\nexport WRAPPED=yes\nexec {sys.executable} "$@"\n')
    os.chmod(run.folder / "wrapper", 0o755)
    run.write("app.py", WRAPPER)
    # Such children get the standard library's locks; of those its tracker says so at random on 3.13t.
    flags = ("-W", "ignore:ResourceTracker called reentrantly:UserWarning")
    assert quiet(run.hasten("app.py", method, flags=flags)) == quiet(run.python(*flags, "app.py", method))


SUBPROCESS = """\
import os, subprocess, sys
code = "import queue, sys; ours = sys.modules.get('hasten.queue') is queue; "
code += "print(ours, sys.argv, [p for p in sys.path if '_site' in p])"
print(subprocess.run([sys.executable, "-c", code, "a"], stdout=-1, text=True).stdout.strip())
"""


def test_inherit_reaches_subprocesses(run):
    run.write("app.py", SUBPROCESS)
    assert quiet(run.hasten("--inherit", "app.py")) == "True ['-c', 'a'] []\n"
    assert quiet(run.hasten("app.py")) == "False ['-c', 'a'] []\n"
    assert quiet(run.hasten("--inherit", "--except", "queue", "app.py")) == "False ['-c', 'a'] []\n"


def test_inherit_reaches_grandchildren(run):
    run.write("app.py", SUBPROCESS)
    run.write("top.py", "import subprocess, sys\nsubprocess.run([sys.executable, 'app.py'])\n")
    assert quiet(run.hasten("--inherit", "top.py")) == "True ['-c', 'a'] []\n"


def test_inherit_keeps_the_users_own_start_up(run):
    """PYTHONPATH and sitecustomize of the user work as before; ours goes first and then out of the way."""
    run.write("site/sitecustomize.py", "import sys\nsys.users_own = __file__\n")
    run.env["PYTHONPATH"] = str(run.folder / "site")
    child = "import sys, sitecustomize, queue\nprint(sys.users_own, sitecustomize.__file__, sys.path)\n"
    run.write("child.py", child)
    run.write("app.py", "import subprocess, sys\nsubprocess.run([sys.executable, 'child.py'])\n")
    assert quiet(run.hasten("--inherit", "app.py")) == quiet(run.python("app.py"))
    run.write("site/sitecustomize.py", "import no_such_module\n")
    assert run.hasten("--inherit", "app.py").err.count("no_such_module") == run.python("app.py").err.count(
        "no_such_module"
    )


def test_inherit_is_silent_without_hasten(run):
    run.write("app.py", SUBPROCESS.replace('"-c", code', '"-S", "-c", code'))
    assert quiet(run.hasten("--inherit", "app.py")).startswith("False ")
    run.write("app.py", SUBPROCESS.replace('"-c", code', '"-I", "-c", code'))
    assert quiet(run.hasten("--inherit", "app.py")).startswith("False ")


def test_the_environment_is_changed_by_inherit_only(run):
    run.write("app.py", "import os\nprint(sorted(os.environ.items()))\n")
    plain = quiet(run.python("app.py"))
    assert quiet(run.hasten("app.py")) == plain
    assert quiet(run.hasten("--inherit", "app.py")) != plain
