"""Import hooks of a program see each replaced module once, whole, under its name, as they do without hasten.

The hooks are of the two kinds that tools use: wrapt's post-import hooks, which forget a name when they have
seen it, and a watchdog that is told of each module.
"""

import pytest

HOOKS = """
import importlib.util, sys

class Loader:
    def __init__(self, loader, done):
        self.loader, self.done = loader, done
    def __getattr__(self, name):
        return getattr(self.loader, name)
    def create_module(self, spec):
        return self.loader.create_module(spec)
    def exec_module(self, module):
        self.loader.exec_module(module)
        if module.__loader__ is self:
            module.__loader__ = self.loader
        if module.__spec__.loader is self:
            module.__spec__.loader = self.loader
        self.done(module)

class Finder:
    def __init__(self, wants, done):
        self.wants, self.done, self.searching = wants, done, set()
    def find_spec(self, name, path=None, target=None):
        if name in self.searching or not self.wants(name):
            return None
        self.searching.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.searching.remove(name)
        if spec is not None and spec.loader is not None:
            spec.loader = Loader(spec.loader, self.done)
        return spec

waiting = {}
def fire(module):
    for hook in waiting.pop(module.__name__, ()):
        hook(module)

def when_imported(name, hook):
    "wrapt's"
    if name in sys.modules:
        hook(sys.modules[name])
    else:
        waiting.setdefault(name, []).append(hook)

seen = []
def watch(module):
    "a watchdog's"
    seen.append(module.__name__)

def install():
    sys.meta_path.insert(0, Finder(waiting.__contains__, fire))
    sys.meta_path.insert(0, Finder(lambda name: True, watch))

def is_there(module):
    name = module.__name__
    assert sys.modules[name] is module, name
    assert module.__spec__.name == name and module.__loader__ is module.__spec__.loader, name
    print(name, module.__file__.rpartition("/")[2], len(module.__loader__.get_source(name)))
"""

NAMES = ["queue", "sched", "threading", "subprocess", "concurrent.futures", "concurrent.futures.thread"]
PROGRAM = """
import sys
from hooks import install, is_there, seen, when_imported
{before}
def found(module):
    is_there(module)
    found.modules.append(module)
found.modules = []
when_imported("{name}", found)
{after}
import {name}
assert found.modules == [sys.modules["{name}"]], found.modules
assert seen.count("{name}") <= 1 or "hasten" in "{after}", seen
print({name}.__name__)
"""


def compare(run, program):
    """What the program prints under hasten, which is what it prints without."""
    run.write("hooks.py", HOOKS)
    run.write("program.py", program)
    plain, ours = run.python("program.py"), run.hasten("program.py")
    assert plain.status == 0, plain
    assert ours == plain
    return ours.out


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("install()", ""),
        ("install()", "import hasten.queue, hasten.futures"),
        ("import concurrent.futures; install()", ""),
        ("install()", "import concurrent.futures"),
    ],
)
def test_a_hook_gets_the_module_that_the_program_gets(run, name, before, after):
    compare(run, PROGRAM.format(name=name, before=before, after=after))


@pytest.mark.parametrize("name", NAMES)
def test_a_hook_that_was_there_before_the_launcher(run, name):
    """ddtrace-run and its like install theirs while the interpreter starts."""
    run.write("sitecustomize.py", "import hooks; hooks.install()")
    run.env["PYTHONPATH"] = str(run.folder)
    compare(run, PROGRAM.format(name=name, before="", after=""))


@pytest.mark.parametrize("before", ["import concurrent.futures", "import queue"])
@pytest.mark.parametrize(
    "use",
    [
        "concurrent.futures.ThreadPoolExecutor",
        "from concurrent.futures import ThreadPoolExecutor",
        "from concurrent.futures import *",
        "concurrent.futures.ThreadPoolExecutor(1).shutdown()",
    ],
)
def test_a_part_that_the_package_brings_along(run, before, use):
    """The standard library's package imports a part when a class is asked for; hooks of a part hear of it."""
    program = f"""
{before}
from hooks import install, is_there, seen, when_imported
install()
when_imported("concurrent.futures._base", is_there)
when_imported("concurrent.futures.thread", is_there)
import concurrent.futures
{use}
assert seen.count("concurrent.futures.thread") <= 1, seen
"""
    assert "concurrent.futures.thread thread.py" in compare(run, program)


PACKAGE_FIRST = """
import sys
import concurrent.futures
package = sys.modules["concurrent.futures"]
print("concurrent.futures.thread" in sys.modules)
print(concurrent.futures.ThreadPoolExecutor, sys.modules["concurrent.futures"] is package)
print(concurrent.futures.thread.ThreadPoolExecutor is concurrent.futures.ThreadPoolExecutor)
"""
PART_FIRST = """
import pickle
from concurrent.futures.thread import ThreadPoolExecutor, _threads_queues
import concurrent.futures
with ThreadPoolExecutor(1) as pool:
    pool.submit(int).result()
    print(len(_threads_queues), concurrent.futures.thread._threads_queues is _threads_queues)
print(ThreadPoolExecutor is concurrent.futures.ThreadPoolExecutor)
print(pickle.loads(pickle.dumps(ThreadPoolExecutor)) is ThreadPoolExecutor)
"""
INTERPRETERS_FIRST = """
import sys
import concurrent.futures
if sys.version_info >= (3, 14):
    pool = concurrent.futures.InterpreterPoolExecutor
    print(pool, issubclass(pool, concurrent.futures.ThreadPoolExecutor))
    print(pool.__mro__[1], pool.__mro__[1] is sys.modules["concurrent.futures.thread"].ThreadPoolExecutor)
"""


@pytest.mark.parametrize("program", [PACKAGE_FIRST, PART_FIRST, INTERPRETERS_FIRST])
def test_a_part_that_comes_late(run, program):
    """Executors are imported when they are asked for, in whatever order, and are the program's then."""
    compare(run, program)


def test_two_threads_ask_for_a_part(run):
    """Each gets what stands for it, also who asks while another thread is loading it."""
    run.write(
        "program.py",
        """
import concurrent.futures
import threading
from hasten.patch import _redirect

def while_it_is_loaded(module):
    loading.set()
    asked.wait(30)

def wait_for_names(timeout):
    asked.set()
    wait(timeout)

def ask():
    loading.wait(30)
    from concurrent.futures import ThreadPoolExecutor
    got.append(ThreadPoolExecutor)
    asked.set()

got, loading, asked = [], threading.Event(), threading.Event()
_redirect.after_import("concurrent.futures.thread", while_it_is_loaded)
wait, _redirect.wait_for_names = _redirect.wait_for_names, wait_for_names
thread = threading.Thread(target=ask)
thread.start()
mine = concurrent.futures.ThreadPoolExecutor
thread.join()
print(loading.is_set(), got == [mine])
""",
    )
    assert run.hasten("program.py").out == "True True\n"


def test_a_function_is_wrapped_by_a_hook(run):
    """What a tracer does: the code of submit() is replaced, so that tasks see where they were submitted."""
    program = """
import threading
from hooks import install, when_imported
install()
where = threading.local()
where.trace = None

def wrap(module):
    cls = module.ThreadPoolExecutor
    submit = type(cls.submit)(
        cls.submit.__code__, cls.submit.__globals__, None, cls.submit.__defaults__, cls.submit.__closure__
    )
    def traced(self, fn, args, kwargs):
        trace = where.trace
        def call(*args, **kwargs):
            where.trace = trace
            return fn(*args, **kwargs)
        return submit(self, call, *args, **kwargs)
    cls.submit.__globals__["_traced"] = traced
    exec("def submit(self, fn, /, *args, **kwargs): return _traced(self, fn, args, kwargs)", made := {})
    if not cls.submit.__closure__:
        cls.submit.__code__ = made["submit"].__code__

when_imported("concurrent.futures.thread", wrap)
from concurrent.futures import ThreadPoolExecutor
where.trace = 7
with ThreadPoolExecutor(1) as pool:
    print(pool.submit(lambda: where.trace).result(), list(pool.map(lambda n: where.trace, range(2))))
"""
    assert compare(run, program) == "7 [7, 7]\n"
