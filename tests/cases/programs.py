"""Small programs after what real ones do around the primitives; each prints "right", or what is wrong.

The names `threading`, `queue`, `sched`, `subprocess`, `futures` and `pool_module`
(concurrent.futures.thread) are there: the standard library's, or ours.
"""

from __future__ import annotations

UNBOUND_RUN = """
import functools, types, weakref
log = []
class Job(threading.Thread):
    def run(self):
        log.append(self.name)
def traced(method):
    plain = method.__func__
    @functools.wraps(plain)
    def wrapper(*args):
        log.append("traced")
        return plain(*args)
    return types.MethodType(wrapper, method.__self__)
for thread in (Job(name="job"), threading.Thread(target=log.append, args=("target",))):
    thread.run = traced(thread.run)
    thread.start()
    thread.join(10)
q, event, future = queue.Queue(), threading.Event(), futures.Future()
for method in (q.put, q.get, event.set, event.wait, future.set_result, threading.Condition().notify):
    assert weakref.WeakMethod(method)() == method and method.__func__.__name__ == method.__name__
finish("right" if log == ["traced", "job", "traced", "target"] else log)
"""

OWN_ATTRIBUTES = """
import sys
class Session(threading.Thread):
    def __init__(self, context):
        super().__init__()
        if sys.version_info < (3, 14):
            self._context = context
        self._kwds, self._result, self._callback = {"k": context}, None, print
    def run(self):
        self._result = self._kwds["k"], getattr(self, "_context", None)
session = Session("mine")
session.start()
session.join()
expected = ("mine", "mine") if sys.version_info < (3, 14) else ("mine", session._context)
fields = {"_target", "_name", "_args", "_kwargs", "_daemonic", "_ident", "_started", "_kwds", "_result"}
missing = fields - set(vars(session))
finish("right" if session._result == expected and not missing else (session._result, missing))
"""

DAEMON_POOL = """
import sys, weakref
class Pool(futures.ThreadPoolExecutor):
    def _adjust_thread_count(self):
        if len(self._threads) < self._max_workers and not self._idle_semaphore.acquire(timeout=0):
            jobs = self._work_queue
            reference = weakref.ref(self, lambda _: jobs.put(None))
            if sys.version_info >= (3, 14):
                rest = self._create_worker_context(), jobs
            else:
                rest = jobs, self._initializer, self._initargs
            worker = threading.Thread(target=pool_module._worker, args=(reference, *rest), daemon=True)
            worker.start()
            self._threads.add(worker)
pool = Pool(3, initializer=int)
answers = [f.result(10) for f in [pool.submit(divmod, n, 3) for n in range(12)]]
daemons = {t.daemon for t in pool._threads}
finish("right" if answers == [divmod(n, 3) for n in range(12)] and daemons == {True} else (answers, daemons))
"""

BOUNDED_POOL = """
gate, blocked = threading.Event(), threading.Event()
pool = futures.ThreadPoolExecutor(1)
pool._work_queue = queue.Queue(1)
first = pool.submit(gate.wait, 30)
calls = []
def submit_all():
    calls.extend(pool.submit(pow, 2, n) for n in range(4))
    blocked.set()
submitter = threading.Thread(target=submit_all)
submitter.start()
returned_early = blocked.wait(0.3)
gate.set()
submitter.join(10)
answers = [call.result(10) for call in calls]
pool.shutdown()
finish("right" if not returned_early and answers == [1, 2, 4, 8] else (returned_early, answers))
"""

PRIORITY_POOL = """
import itertools
class Ranked(queue.PriorityQueue):
    order = itertools.count()
    def _put(self, item):
        super()._put((0 if item is not None else 1, -next(self.order), item))
    def _get(self):
        return super()._get()[-1]
done, gate = [], threading.Event()
pool = futures.ThreadPoolExecutor(1)
pool._work_queue = Ranked()
pool.submit(gate.wait, 30)
import time
while pool._work_queue.qsize():
    time.sleep(0.001)
for n in range(5):
    pool.submit(done.append, n)
gate.set()
pool.shutdown()
finish("right" if done == [4, 3, 2, 1, 0] else done)
"""

FRAMES = """
import sys, time
event, q, cond = threading.Event(), queue.Queue(), threading.Condition()
def with_condition():
    with cond:
        cond.wait()
pool = futures.ThreadPoolExecutor(1)
pool.submit(int).result(10)
timer = threading.Timer(60, int)
waiting = {
    "event": threading.Thread(target=event.wait),
    "queue": threading.Thread(target=q.get),
    "condition": threading.Thread(target=with_condition),
    "timer": timer,
}
for thread in waiting.values():
    thread.daemon = True
    thread.start()
waiting["worker"] = next(iter(pool._threads))
end = time.monotonic() + 10
def unseen():
    frames = sys._current_frames()
    return [name for name, thread in waiting.items() if thread.ident not in frames]
while unseen() and time.monotonic() < end:
    time.sleep(0.01)
missing = unseen()
event.set()
q.put(1)
timer.cancel()
finish(f"not in _current_frames(): {missing}" if missing else "right")
"""

JUST_STARTED = """
import ctypes, sys
class Stop(Exception):
    pass
threading.excepthook = lambda hook: None
wrong = []
for n in range(30):
    end = threading.Event()
    def busy():
        while not end.is_set():
            pass
    thread = threading.Thread(target=busy, daemon=True)
    thread.start()
    if threading._active.get(thread.ident) is not thread:
        wrong.append("_active")
    if ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stop)) != 1:
        wrong.append("SetAsyncExc")
    if thread.native_id is None:
        wrong.append("native_id")
    end.set()
    thread.join(10)
finish(wrong or "right")
"""

RUNS_BEFORE_START_RETURNS = """
class Job(threading.Thread):
    state = "new"
    def run(self):
        self.state = "running"
        end.wait()
states = []
for n in range(200):
    end = threading.Event()
    job = Job()
    job.start()
    states.append(job.state)
    end.set()
    job.join()
running = states.count("running")
finish("right" if running > 150 else f"{running} of 200 were seen running")
"""

CANCELLABLE_FUTURE = """
class Cancellable(futures.Future):
    def cancel(self):
        with self._condition:
            if self.done():
                return False
            self._state = "CANCELLED_AND_NOTIFIED"
            for waiter in self._waiters:
                waiter.add_cancelled(self)
            self._condition.notify_all()
        self._invoke_callbacks()
        return True
future, called, seen = Cancellable(), [], []
future.set_running_or_notify_cancel()
future.add_done_callback(called.append)
def look():
    try:
        future.result(20)
    except futures.CancelledError:
        seen.append("result")
def look_by_wait():
    if futures.wait([future], 20).done:
        seen.append("wait")
threads = [threading.Thread(target=look), threading.Thread(target=look_by_wait)]
for thread in threads:
    thread.start()
future.cancel()
for thread in threads:
    thread.join(20)
finish("right" if sorted(seen) == ["result", "wait"] and called == [future] else (seen, called))
"""

OWN_CALLBACKS = """
class Reporting(futures.Future):
    reports = ()
    def _invoke_callbacks(self):
        self.reports = (*self.reports, self._state)
        super()._invoke_callbacks()
called, states = [], []
for act in (lambda f: f.set_result(1), lambda f: f.set_exception(OSError()), lambda f: f.cancel()):
    future = Reporting()
    future.add_done_callback(called.append)
    act(future)
    states += future.reports
finish("right" if states == ["FINISHED", "FINISHED", "CANCELLED"] and len(called) == 3 else (states, called))
"""

FAKED_POPEN = """
import unittest.mock
with unittest.mock.patch.object(subprocess, "Popen") as popen:
    process = popen.return_value.__enter__.return_value
    process.communicate.return_value = b"faked", b""
    process.poll.return_value = 3
    faked = subprocess.run(["no such program"], capture_output=True)
log, real = [], subprocess.Popen.communicate
def communicate(self, *args, **kwargs):
    log.append(self.args)
    return real(self, *args, **kwargs)
with unittest.mock.patch.object(subprocess.Popen, "communicate", communicate):
    output = subprocess.check_output(["echo", "hello"])
right = (faked.returncode, faked.stdout, output, log) == (3, b"faked", b"hello\\n", [["echo", "hello"]])
finish("right" if right else (faked, output, log))
"""

NAMES_BY_IMPORT = """
wanted = {
    queue: "deque heappush heappop threading time",
    sched: "time heapq threading namedtuple count",
    threading: "WeakSet get_ident _active _limbo _active_limbo_lock _shutdown _main_thread _DummyThread",
    pool_module: "_WorkItem _worker _threads_queues _shutdown _global_shutdown_lock _python_exit "
    "queue threading",
}
missing = [f"{m.__name__}.{n}" for m, names in wanted.items() for n in names.split() if not hasattr(m, n)]
finish(missing or "right")
"""

PATCHED_NAMES = """
import unittest.mock
class Lacking(Exception):
    pass
wrong = []
with unittest.mock.patch.object(queue, "Empty", Lacking):
    try:
        queue.Queue().get_nowait()
    except Lacking:
        pass
    except Exception as error:
        wrong.append(f"Empty: {error!r}")
class Loud(threading.Condition):
    notified = 0
    def notify(self, n=1):
        self.notified += 1
        super().notify(n)
loud = Loud()
with loud:
    loud.notify_all()
if loud.notified != 1:
    wrong.append("notify_all() does not call notify()")
flag = threading.Event()
flag._flag = True
if not flag.is_set():
    wrong.append("Event._flag")
finish(wrong or "right")
"""

FOREIGN_THREAD = """
import _thread
begun, end = threading.Event(), threading.Event()
def foreign():
    begun.set()
    end.wait()
other = _thread.start_new_thread(foreign, ())
begun.wait()
class Seen(threading._DummyThread):
    def _set_ident(self):
        self._ident = other
mine = threading.current_thread()
seen = Seen()
right = seen.ident == other and threading.current_thread() is mine and threading._active.get(other) is seen
end.set()
finish("right" if right else (seen.ident, other, threading.get_ident(), threading.current_thread()))
"""

DAEMON_BY_CLASS = """
class Background(threading.Thread):
    daemon = True
    def run(self):
        inherited.append(threading.Thread().daemon)
        ready.set()
        threading.Event().wait()
class ByProperty(Background):
    @property
    def daemon(self):
        return True
inherited = []
for kind in (Background, ByProperty):
    ready = threading.Event()
    kind().start()
    ready.wait()
print("right" if inherited == [True, True] else inherited, flush=True)
"""

DAEMONS_AT_EXIT = """
lock = threading.Lock()
lock.acquire()
waits = [lock.acquire, queue.Queue().get, queue.SimpleQueue().get, threading.Event().wait]
waits += [threading.Barrier(2).wait, threading.Semaphore(0).acquire, futures.Future().result]
waits += [lambda: subprocess.run(["sleep", "0.2"], capture_output=True)]
def plan():
    scheduler = sched.scheduler()
    scheduler.enter(99, 1, int)
    scheduler.run()
def talk(q=queue.Queue(5)):
    while True:
        q.put(1)
        q.get()
for wait in [*waits, plan, talk]:
    threading.Thread(target=wait, daemon=True).start()
print("right", flush=True)
"""

LONG_INPUT = """
import array
numbers = array.array("q", range(40000))
counted = subprocess.run(["wc", "-c"], input=memoryview(numbers), stdout=subprocess.PIPE)
finish("right" if int(counted.stdout) == 320000 else counted)
"""

ENDLESS_TIMEOUTS = """
wrong = []
for timeout in (float("inf"), 1e10, threading.TIMEOUT_MAX):
    for name, wait in (
        ("run", lambda: subprocess.run(["true"], timeout=timeout)),
        ("communicate", lambda: subprocess.run(["echo"], timeout=timeout, capture_output=True)),
        ("wait", lambda: subprocess.Popen(["true"]).wait(timeout)),
    ):
        try:
            wait()
        except Exception as error:
            wrong.append(f"{name}({timeout}): {error!r}")
finish(wrong or "right")
"""

EMPTY_NAME_IN_ENV = """
import os
def answer(program):
    try:
        return subprocess.call([program], env={"": "x", **os.environ})
    except ValueError as error:
        return str(error)
answers = {answer(program) for program in ("true", "/bin/true")}
finish("right" if len(answers) == 1 else answers)
"""

NATIVE_ID_AFTER_FORK = """
import os, warnings
warnings.simplefilter("ignore")
def same_in_child():
    pid = os.fork()
    if pid == 0:
        os._exit(threading.current_thread().native_id != threading.get_native_id())
    return os.waitpid(pid, 0)[1] == 0
told = [same_in_child()]
thread = threading.Thread(target=lambda: told.append(same_in_child()))
thread.start()
thread.join()
finish("right" if told == [True, True] else told)
"""

FROZEN_CLOCK = """
import sys, time
moment, real = time.monotonic(), time.monotonic
def frozen():
    return moment
for module in [m for name, m in sys.modules.items() if name != "__main__"]:
    for name in [n for n, value in getattr(module, "__dict__", {}).items() if value is real]:
        setattr(module, name, frozen)
told = []
def look():
    try:
        queue.Queue().get(timeout=0.05)
    except queue.Empty:
        told.append("Empty")
thread = threading.Thread(target=look, daemon=True)
thread.start()
thread.join(5)
finish("right" if told else "get(timeout=) does not end")
"""

# Looked at from outside: what a plain interpreter would do at the end of the program
GLOBALS_AT_EXIT = """
import os, sys, zipfile
class Last:
    def __del__(self):
        print("right" if os.path.join("a", "b") and sys.stdout else "wrong")
last = Last()
archive = zipfile.ZipFile(sys.argv[1], "w")
archive.writestr("member", "content")
"""

INTERRUPTED_AT_EXIT = """
import time
threading.Thread(target=time.sleep, args=(20,)).start()
print("right", flush=True)
"""

PICKLES = """
import pickle
values = [subprocess.CompletedProcess(["x"], 0), queue.Queue, queue.Empty, futures.wait, threading.Thread]
values += [futures.Future, subprocess.run, sched.scheduler, threading.Event, pool_module.ThreadPoolExecutor]
named = [str(value) for value in values if b"hasten" in pickle.dumps(value) or "hasten" in repr(value)]
finish(named or "right")
"""

MODULE_FILES = """
import os
home = os.path.realpath(os.path.dirname(os.__file__)) + os.sep
modules = (threading, queue, sched, subprocess, futures, pool_module)
files = [os.path.realpath(getattr(m, "__file__", None) or os.__file__) for m in modules]
away = [file for file in files if not file.startswith(home) or "site-packages" in file]
finish(away or "right")
"""
