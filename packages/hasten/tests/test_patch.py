"""hasten.patch: each case is a program of its own, since it changes what the interpreter imports."""

import pytest

# Not what a program would print by accident; asserts in the programs do the checking.
OK = "print('checked')\n"


@pytest.fixture
def check(run):
    def check(source, **kwargs):
        assert run.check(source + OK, **kwargs) == "checked\n"

    return check


def test_import_gives_the_very_module(check):
    check("""
import sys, hasten.patch
before = set(sys.modules)
hasten.patch.install()
assert "hasten.queue" not in sys.modules                    # lazy
import queue
assert queue is sys.modules["queue"] is sys.modules["hasten.queue"]
assert queue.__name__ == queue.__spec__.name == "queue"
assert queue.__spec__.loader is queue.__loader__ and "hasten.patch" not in type(queue.__loader__).__module__
import _thread, hasten._thread
assert _thread is hasten._thread
""")


def test_the_hasten_module_first(check):
    check("""
import hasten.patch
hasten.patch.install()
import hasten.queue, queue
assert queue is hasten.queue and queue.__spec__.name == "queue"
assert issubclass(queue.Empty, Exception)
""")


def test_hasten_builds_on_the_stdlib(check):
    check("""
import hasten.patch
hasten.patch.install()
import queue
mro = queue.Queue.__mro__
hasten.patch.uninstall()
bases = [base for base in mro if base.__module__ == "queue"]
import queue as stdlib
assert stdlib.__name__ == "queue" and bases == [stdlib.Queue], (bases, stdlib.Queue)
assert queue.Empty is stdlib.Empty
""")


def test_a_fresh_import_gives_hasten_again(check):
    check("""
import sys, hasten.patch
hasten.patch.install()
import queue
first = queue
for _ in range(2):
    del sys.modules["queue"]
    import queue
    assert queue is first
del sys.modules["queue"], sys.modules["hasten.queue"]
import queue
assert queue.__name__ == "queue" and queue is sys.modules["hasten.queue"]
""")


def test_uninstall_puts_back(check):
    check("""
import sys
import _thread, queue
stdlib = {"queue": queue, "_thread": _thread}               # in a dict: globals would be patched in place
import hasten.patch
def finders():
    # without those of packages that are loaded
    return [finder for finder in sys.meta_path if type(finder).__name__ != "BundleFinder"]
before = finders()
hasten.patch.install()
import queue, _thread
assert queue is not stdlib["queue"] and _thread is not stdlib["_thread"]
hasten.patch.uninstall()
assert finders() == before
import queue, _thread
assert queue is stdlib["queue"] and _thread is stdlib["_thread"]
hasten.patch.uninstall()                                    # harmless
hasten.patch.install()
import queue
assert queue is sys.modules["hasten.queue"]
""")


def test_uninstall_when_the_stdlib_was_never_imported(check):
    check("""
import sys, hasten.patch
assert "queue" not in sys.modules
with hasten.patch.install():
    assert hasten.patch.is_installed("queue")
import queue
assert queue.__name__ == "queue"
""")


def test_context_managers_nest_in_any_order(check):
    check("""
from hasten.patch import install, is_installed, uninstall
def name():
    import queue, sys
    return "hasten.queue" if queue is sys.modules.get("hasten.queue") else "queue"
assert not is_installed() and not is_installed("queue")
with install("queue") as outer:
    assert name() == "hasten.queue" and not is_installed("_thread")
    with install("queue", "_thread") as inner:
        assert inner.names == ("queue", "_thread")
        assert is_installed("_thread")
    assert name() == "hasten.queue" and not is_installed("_thread")
assert name() == "queue" and not is_installed()
first, second = install("queue"), install("queue")
with first:
    pass
assert name() == "hasten.queue"                             # second still wants it
with second:
    uninstall()
    assert name() == "queue"
    third = install("queue")
assert name() == "hasten.queue"                             # a left-over exit takes nothing away
assert repr(third) == "<hasten.patch.Installation of queue>"
try:
    with third:
        raise KeyError(1)
except KeyError:
    assert name() == "queue"
""")


def test_ways_to_name_modules(check):
    check("""
from hasten.patch import install, is_installed, uninstall
def names(*args, **kwargs):
    with install(*args, **kwargs) as installation:
        assert all(map(is_installed, installation.names))
        return set(installation.names)
everything = names()
assert {"queue", "_thread"} <= everything
assert names("queue") == names(only=["queue"]) == names(only="queue") == {"queue"}
assert names(only="queue, _thread") == {"queue", "_thread"}
assert names(exclude=("queue",)) == names(exclude="queue") == everything - {"queue"}
assert names("queue", "_thread", exclude=["queue"]) == {"_thread"}
assert not is_installed("concurrent.futures.thread") and not is_installed("sched")
""")


def test_errors(check):
    check("""
import sys, hasten.patch
from hasten.patch import install, is_installed
def error(kind, *args, function=install, **kwargs):
    try:
        function(*args, **kwargs)
    except kind as raised:
        assert not is_installed()
        return str(raised)
    raise AssertionError("no error")
assert "unknown module 'json': known are _thread, threading, queue," in error(ValueError, "json")
assert "did you mean 'queue'?" in error(hasten.patch.UnknownModule, "qeue")
assert "did you mean 'multiprocessing.shared_memory'?" in error(ValueError, only="shared_memory")
assert "unknown module 'hasten.queue'" in error(ValueError, exclude=["hasten.queue"])
assert "unknown" in error(ValueError, "nonsense", function=is_installed)
assert "either as arguments or as only=" in error(ValueError, "queue", only="queue")
sys.modules["hasten.sched"] = None                          # as good as not installed
assert error(ImportError, "queue", "sched") == "hasten.sched is not installed: pip install hasten-sched"
assert "sched" in install().absent and not is_installed("sched")
""")


@pytest.mark.parametrize(
    ("library", "module", "attribute"),
    [("gevent", "gevent.monkey", "saved"), ("eventlet", "eventlet.patcher", "already_patched")],
)
def test_monkey_patched_programs_are_refused(check, library, module, attribute):
    check(f"""
import sys, types
patcher = sys.modules[{module!r}] = types.SimpleNamespace({attribute}={{"queue": 1}}, monkey_patch=print)
import hasten.patch
try:
    hasten.patch.install()
except RuntimeError as error:
    assert isinstance(error, hasten.patch.Refused) and str(error).startswith({library!r})
else:
    raise AssertionError("not refused")
assert not hasten.patch.is_installed()
patcher.{attribute}.clear()
hasten.patch.install()                                      # imported only: no objection
""")


GREEN = {
    "gevent": """
class GeventWillPatchAllEvent:
    def __init__(self, modules): self.will_patch_module = modules.__contains__
class GeventWillPatchModuleEvent:
    def __init__(self, target): self.target = target
subscribers = []
def notify(event):
    for subscriber in subscribers:
        subscriber(event)
""",
    "eventlet": """
already_patched = {}
def monkey_patch(**on):
    "Patches."
    already_patched.update(on, done=True)
""",
}


@pytest.mark.parametrize("before", [True, False], ids=["imported before", "imported later"])
def test_gevent_is_refused_when_it_is_about_to_patch(run, check, before):
    run.write("gevent/__init__.py", "")
    run.write("gevent/events.py", GREEN["gevent"])
    first = "import gevent.events\n" if before else ""
    check(f"""{first}
import hasten.patch
installation = hasten.patch.install("queue", "threading")
import gevent.events as events, queue, subprocess
def refused(event):
    try:
        events.notify(event)
    except RuntimeError as error:
        return str(error)
message = refused(events.GeventWillPatchAllEvent({{"os", "thread", "queue"}}))
assert message.startswith("gevent.monkey.patch_all() cannot patch threading, queue: ")
assert "--except" in message
assert refused(events.GeventWillPatchModuleEvent(queue)).startswith("gevent.monkey cannot patch queue: ")
assert refused(events.GeventWillPatchModuleEvent(subprocess)) is None       # not replaced
assert refused(events.GeventWillPatchAllEvent({{"os", "subprocess"}})) is None
hasten.patch.install("queue")
assert len(events.subscribers) == 1
hasten.patch.uninstall()
assert refused(events.GeventWillPatchAllEvent({{"thread", "queue"}})) is None
""")


@pytest.mark.parametrize("before", [True, False], ids=["imported before", "imported later"])
def test_eventlet_is_refused_when_it_is_about_to_patch(run, check, before):
    run.write("eventlet/__init__.py", "from eventlet import patcher\nmonkey_patch = patcher.monkey_patch\n")
    run.write("eventlet/patcher.py", GREEN["eventlet"])
    first = "import eventlet.patcher\n" if before else ""
    check(f"""{first}
import hasten.patch
hasten.patch.install("_thread")
import eventlet.patcher
def refused(**on):
    try:
        eventlet.patcher.monkey_patch(**on)
    except RuntimeError as error:
        return str(error)
for on in {{}}, {{"all": True}}, {{"thread": True}}, {{"os": False}}:
    assert refused(**on).startswith("eventlet.monkey_patch() cannot patch _thread: "), on
    assert not eventlet.patcher.already_patched
for on in {{"socket": True}}, {{"all": True, "thread": False}}, {{"subprocess": True}}:
    assert refused(**on) is None and eventlet.patcher.already_patched.pop("done"), on
    eventlet.patcher.already_patched.clear()
assert eventlet.patcher.monkey_patch.__doc__ == "Patches."
hasten.patch.uninstall()
assert refused() is None
""")


REBIND = """
import logging.handlers, queue, sys, types
from concurrent.futures import thread
from queue import Queue, PriorityQueue as Sorted, Empty
stdlib = [queue]                                             # in a list: a global would be patched in place
snapshot = dict(vars(queue))
user = types.ModuleType("user")
user.q, user.cls, user.three, user.name = queue, Queue, 3, "queue"
sys.modules["user"] = user
"""


def test_imported_before_is_patched_in_place(check):
    check(f"""{REBIND}
import hasten.patch
hasten.patch.install(exclude="concurrent.futures")  # `thread` is a part of it
import hasten.queue as ours
assert queue is ours and Queue is ours.Queue and Sorted is ours.PriorityQueue and Empty is ours.Empty
assert user.q is ours and user.cls is ours.Queue and user.name == "queue"
assert logging.handlers.queue is ours and thread.queue is ours
assert vars(stdlib[0]) == snapshot                           # its own namespace is untouched
assert ours.Queue.__mro__[-1] is object and stdlib[0].Queue in ours.Queue.__mro__
user.three, user.cls = 4, "changed by the program since"
hasten.patch.uninstall()
assert queue is stdlib[0] and Queue is queue.Queue and user.q is queue
assert user.three == 4 and user.cls == "changed by the program since"
assert thread.queue is queue is sys.modules["queue"]
""")


def test_in_place_is_lazy_when_nobody_holds_the_module(check):
    check("""
import sys, queue
del queue
import hasten.patch
hasten.patch.install("queue")
assert "hasten.queue" not in sys.modules and "queue" not in sys.modules
import queue
assert queue is sys.modules["hasten.queue"]
""")


def test_looking_does_not_load_lazy_modules(check):
    check("""
import importlib.util, sys
import queue, hasten.patch
spec = importlib.util.find_spec("wave")
spec.loader = importlib.util.LazyLoader(spec.loader)
lazy = sys.modules["wave"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lazy)
hasten.patch.install()
assert type(lazy).__name__ == "_LazyModule"
""")


def test_an_imported_threading_keeps_its_thread_module(check):
    check("""
import threading, functools, _thread
held = {key: value for key, value in vars(threading).items()}
import hasten.patch
hasten.patch.install("_thread")
import hasten._thread
assert _thread is hasten._thread                            # ours: the program's global
assert {key: value for key, value in vars(threading).items()} == held
import _thread
assert _thread is hasten._thread
thread = threading.Thread(target=int)
thread.start(), thread.join()
""")


def test_threading_imported_later_runs_over_hasten(check):
    check("""
import sys
import hasten.patch
if "threading" not in sys.modules:                          # some .pth files bring it
    hasten.patch.install()
    import threading, hasten._thread
    assert threading.get_native_id is hasten._thread.get_native_id
    assert threading.get_ident is hasten._thread.get_ident
    results = []
    threads = [threading.Thread(target=results.append, args=(i,)) for i in range(5)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert sorted(results) == [0, 1, 2, 3, 4]
""")


def test_the_programs_own_module_of_that_name_stays(run):
    run.write("queue.py", "mine = 1\n")
    for first in ("", "import queue\n"):
        source = first + "import hasten.patch\nhasten.patch.install()\nimport queue\nprint(queue.mine)\n"
        assert run.check(source) == "1\n"


def test_many_threads_import_and_install(check):
    check("""
import sys, threading
import hasten.patch
sys.setswitchinterval(1e-6)
seen, errors = [], []
def worker(barrier, i):
    try:
        barrier.wait(30)
        for _ in range(20):
            with hasten.patch.install("queue"):
                assert hasten.patch.is_installed("queue")
                if i % 2:
                    import queue
                else:
                    import hasten.queue as queue
                seen.append(queue.Queue(3).maxsize)
    except BaseException as error:
        errors.append(error)
barrier = threading.Barrier(8)
threads = [threading.Thread(target=worker, args=(barrier, i)) for i in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not errors, errors
assert seen == [3] * 160
assert not hasten.patch.is_installed()
import queue
assert queue.__name__ == "queue"
""")


def test_many_threads_make_the_first_import(check):
    check("""
import sys, threading
import hasten.patch
sys.setswitchinterval(1e-6)
names, errors = [], []
def worker(barrier, i):
    try:
        barrier.wait(30)
        if i % 2:
            import queue
        else:
            import hasten.queue as queue
        names.append(queue.Queue(3).maxsize)
    except BaseException as error:
        errors.append(error)
for _ in range(30):
    with hasten.patch.install("queue"):
        for name in ("queue", "hasten.queue"):
            sys.modules.pop(name, None)
        barrier = threading.Barrier(6)
        threads = [threading.Thread(target=worker, args=(barrier, i)) for i in range(6)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
assert not errors, errors
assert names == [3] * 180
""")


PACKAGES = {
    "multiprocessing": "import multiprocessing as stdlib\nfrom multiprocessing import *\nwho = 'hasten'\n",
    "multiprocessing__pool": "import multiprocessing.pool as stdlib\nclass Pool(stdlib.Pool): pass\n",
    "shared_memory": "from multiprocessing.shared_memory import SharedMemory\nwho = 'hasten'\n",
    "futures": "import concurrent.futures as stdlib\nfrom concurrent.futures import *\nwho = 'hasten'\n",
    "futures__thread": "from concurrent.futures.thread import ThreadPoolExecutor as _Base\n"
    "class ThreadPoolExecutor(_Base): pass\n",
    "dummy_threading": "who = 'hasten'\n",
    "sched": "import sched\nclass scheduler(sched.scheduler): pass\n",
}
USE_PACKAGES = """
import multiprocessing.pool, multiprocessing.util, multiprocessing.shared_memory
import concurrent.futures.thread, concurrent.futures._base, concurrent.futures.process
import dummy_threading, _dummy_threading, sched
from concurrent.futures import thread
assert multiprocessing.who == concurrent.futures.who == multiprocessing.shared_memory.who == "hasten"
assert multiprocessing.pool.Pool.__module__ == "multiprocessing.pool"
assert multiprocessing.pool is sys.modules["hasten.multiprocessing.pool"]
assert multiprocessing.util.__name__ == "multiprocessing.util"        # hasten's has none: the stdlib's
assert thread.ThreadPoolExecutor.__module__ == "concurrent.futures.thread"
assert thread is sys.modules["hasten.futures.thread"]
assert concurrent.futures.thread is thread
assert dummy_threading is _dummy_threading and dummy_threading.who == "hasten"
assert sched.scheduler.__module__ == "sched" and sched is sys.modules["hasten.sched"]
"""
LEAVE_PACKAGES = """
hasten.patch.uninstall()
import multiprocessing.pool, concurrent.futures.thread, multiprocessing.shared_memory, sched
assert multiprocessing.__name__ == "multiprocessing" and not hasattr(multiprocessing, "who")
assert multiprocessing.pool.Pool.__module__ == "multiprocessing.pool"
assert concurrent.futures.__name__ == "concurrent.futures"
assert concurrent.futures.thread.ThreadPoolExecutor.__module__ == "concurrent.futures.thread"
assert multiprocessing.shared_memory.__name__ == "multiprocessing.shared_memory"
assert sched.__name__ == "sched"
try:
    import dummy_threading
except ModuleNotFoundError:
    pass
else:
    raise AssertionError("the module is gone from this Python")
"""


def test_packages_with_submodules(run, check):
    run.add_modules(**PACKAGES)
    check(f"import sys, hasten.patch\nhasten.patch.install()\n{USE_PACKAGES}{LEAVE_PACKAGES}")


def test_there_is_one_copy_of_each_part_of_the_standard_librarys_package(check):
    """Its classes are the bases of ours, and what its pool of processes uses and raises."""
    check("""
import hasten.patch
hasten.patch.install("concurrent.futures")
import concurrent.futures
import concurrent.futures.process as process
from hasten.patch import _redirect
theirs = _redirect.originals["concurrent.futures._base"]
assert issubclass(process._base.Future, theirs.Future)        # hasten.futures' own
assert issubclass(process.ProcessPoolExecutor, theirs.Executor)
assert theirs.Future in concurrent.futures.Future.__mro__
assert theirs.Executor in concurrent.futures.Executor.__mro__
for name in "CancelledError", "InvalidStateError", "BrokenExecutor":
    assert getattr(concurrent.futures, name) is getattr(theirs, name), name
assert issubclass(process.BrokenProcessPool, concurrent.futures.BrokenExecutor)
""")


def test_packages_imported_before(run, check):
    run.add_modules(**PACKAGES)
    check(f"""
import sys, hasten.patch
import multiprocessing.pool, multiprocessing.shared_memory, concurrent.futures, sched
from multiprocessing.pool import Pool
from multiprocessing import shared_memory
old = [Pool]
hasten.patch.install()
assert Pool is sys.modules["hasten.multiprocessing.pool"].Pool and shared_memory.who == "hasten"
{USE_PACKAGES}{LEAVE_PACKAGES}
assert Pool is old[0]
""")


IDENTITY = """
import sys
names = ["_thread", "threading", "queue", "sched", "subprocess", "concurrent.futures",
         "concurrent.futures.thread",
         "concurrent.futures._base"]
from importlib import import_module
fields = ["__name__", "__file__", "__cached__", "__package__"]
def facts():
    found = {}
    for name in names:
        module = import_module(name)
        found[name] = [vars(module).get(field) for field in fields]
        spec = module.__spec__
        found[name] += [spec.name, spec.origin, spec.parent, spec.has_location]
        found[name] += [spec.loader is module.__loader__]
        found[name] += [repr(module), getattr(type(spec.loader), "__name__", None)]
    return found
"""


def test_a_replaced_module_says_that_it_is_the_stdlibs(run, check):
    expected = run.check(IDENTITY + "print(facts())")
    assert run.hasten("-c", IDENTITY + "print(facts())").out == expected
    check(f"""{IDENTITY}
import hasten.patch
from hasten import futures, queue, sched, subprocess, threading
import hasten._thread
own = [hasten._thread, threading, queue, sched, subprocess, futures]
def state():
    return [(m.__name__, m.__file__, m.__package__, m.__spec__, m.__loader__, list(m.__path__)) for m in own]
before = state()
for _ in range(2):
    with hasten.patch.install():
        assert repr(facts()) == {expected.strip()!r}
        assert sys.modules["queue"] is queue
        from hasten.queue import _simple
    assert state() == before and queue.__name__ == "hasten.queue" and "hasten" in queue.__file__
    assert queue.Queue.__module__ == "hasten.queue"
    assert not [name for name in sys.modules if name.startswith("queue.")]
""")


def test_a_class_of_c_says_that_it_is_the_stdlibs(run):
    source = """
import _queue, pickle, queue
kind = queue.SimpleQueue
written = pickle.dumps(kind, 0)
print(kind, kind.__module__, repr(kind()).split(" object")[0], _queue.SimpleQueue is kind, written)
print(pickle.loads(written) is kind, str(kind[int]))
"""
    assert run.hasten("-c", source).out == run.check(source)


def test_a_class_of_c_is_put_back(run):
    source = """
import _queue, queue, hasten.patch
before = _queue.SimpleQueue, str(queue.SimpleQueue)
hasten.patch.install()
import queue
ours = queue.SimpleQueue
during = _queue.SimpleQueue is ours, str(ours)
hasten.patch.uninstall()
print(during, str(ours), (_queue.SimpleQueue, str(_queue.SimpleQueue)) == before)
"""
    expected = "(True, \"<class '_queue.SimpleQueue'>\") <class 'hasten.queue.SimpleQueue'> True\n"
    assert run.check(source) == expected


def test_classes_and_functions_say_that_they_are_the_stdlibs(run, check):
    source = """
import concurrent.futures, concurrent.futures.thread, queue, sched, subprocess, threading
def names(*modules):
    for module in modules:
        for key in module.__all__:
            value = getattr(module, key)
            if hasattr(value, "__module__") and key not in ("ShutDown", "wait_any"):
                yield key, value.__module__, value.__qualname__
print(sorted(names(queue, sched, subprocess, concurrent.futures.thread, concurrent.futures._base)
             if hasattr(concurrent.futures.thread, "__all__") else names(queue, sched, subprocess)))
print(repr(subprocess.CompletedProcess), concurrent.futures.Future, concurrent.futures.ThreadPoolExecutor)
"""
    expected = run.check(source)
    assert run.hasten("-c", source).out == expected


def test_a_pickle_is_read_by_a_plain_interpreter(run):
    write = """
import concurrent.futures, pickle, queue, subprocess, sys, threading
objects = [queue.Queue, queue.Empty, subprocess.run(["true"]), concurrent.futures.wait,
           concurrent.futures.Future,
           concurrent.futures.ThreadPoolExecutor, subprocess.TimeoutExpired("x", 3), threading.Event]
data = pickle.dumps(objects)
assert b"hasten" not in data
assert pickle.loads(data)[:2] == objects[:2]
print(data.hex())
"""
    result = run.hasten("-c", write)
    assert result.status == 0, result
    shown = run.check(f"import pickle\nprint(pickle.loads(bytes.fromhex({result.out.strip()!r})))\n")
    assert "<class 'queue.Queue'>" in shown and "CompletedProcess(args=['true'], returncode=0)" in shown


def test_tools_that_look_at_a_replaced_module(check):
    check("""
import importlib, importlib.util, inspect, linecache, pkgutil, sys, hasten.patch
hasten.patch.install()
spec = importlib.util.find_spec("queue")                     # before it is imported
assert spec.name == "queue" and spec.origin.endswith("queue.py") and spec.has_location
assert "class Queue" in spec.loader.get_source("queue")
import queue, subprocess
assert inspect.getfile(queue) == queue.__file__ == importlib.util.find_spec("queue").origin == spec.origin
assert inspect.getmodule(queue.Queue) is queue and "class Queue" in inspect.getsource(queue)
assert importlib.reload(queue) is queue is sys.modules["queue"] is sys.modules["hasten.queue"]
assert queue.__file__ == spec.origin and queue.Queue(1).maxsize == 1
assert "def run(" in inspect.getsource(subprocess.run)
import concurrent.futures
assert importlib.reload(concurrent.futures) is sys.modules["hasten.futures"]
import hasten.futures.thread, hasten.subprocess._run
assert "thread" in [part.name for part in pkgutil.iter_modules(concurrent.futures.__path__)]
""")


def test_the_table_is_whole(check):
    check("""
from hasten.patch import _table
assert [_table.owner(n) for n in ("queue", "queue.x", "multiprocessing.pool", "concurrent")] == [
    "queue", None, "multiprocessing", None]
assert _table.owner("multiprocessing.shared_memory") == "multiprocessing.shared_memory"
assert _table.target("concurrent.futures.thread") == "hasten.futures.thread"
for module, distribution in _table.TABLE.values():
    assert module.startswith("hasten.")
    assert distribution == "hasten-" + module[7:].lstrip("_").replace("_", "-")
""")


def test_what_a_part_of_a_package_imports_is_there_with_it(check):
    check("""
import hasten.patch
hasten.patch.install()
import sys, multiprocessing
multiprocessing.get_start_method()
assert sys.modules["multiprocessing.process"] is multiprocessing.process
assert sys.modules["multiprocessing.context"] is multiprocessing.context
assert multiprocessing.reducer is multiprocessing.reduction is sys.modules["multiprocessing.reduction"]
""")


def test_what_is_loaded_late_says_that_it_is_the_standard_librarys(check):
    check("""
import hasten.patch
hasten.patch.install()
from multiprocessing import managers
late = managers.SharedMemoryManager
auto = managers.MakeProxyType("Proxy", ["get"])
assert late.__module__ == late.SharedMemory.__module__ == auto.__module__ == "multiprocessing.managers"
hasten.patch.uninstall()
assert late.__module__ == "hasten.multiprocessing.managers"
import hasten.multiprocessing.managers
assert hasten.multiprocessing.managers.SharedMemoryManager is late
""")


@pytest.mark.parametrize("first", ["managers", "shared_memory", "pool"])
def test_a_part_that_is_replaced_by_another_distribution_is_an_attribute(check, first):
    check(f"""
import hasten.patch
hasten.patch.install()
import sys, multiprocessing.{first}
import multiprocessing.managers, multiprocessing.shared_memory
assert multiprocessing.shared_memory is sys.modules["multiprocessing.shared_memory"]
assert multiprocessing.shared_memory is sys.modules["hasten.shared_memory"]
""")
