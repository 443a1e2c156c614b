"""copy, deepcopy, pickle and weak references of everything: what they refuse, and in which words."""

import concurrent.futures
import copy
import pickle
import queue
import sched
import subprocess
import threading
import weakref

from prelude import say, trial

OBJECTS = {
    "Thread": threading.Thread(target=int),
    "Timer": threading.Timer(1, int),
    "Lock": threading.Lock(),
    "RLock": threading.RLock(),
    "Condition": threading.Condition(),
    "Event": threading.Event(),
    "Semaphore": threading.Semaphore(),
    "BoundedSemaphore": threading.BoundedSemaphore(),
    "Barrier": threading.Barrier(1),
    "local": threading.local(),
    "Queue": queue.Queue(),
    "PriorityQueue": queue.PriorityQueue(),
    "SimpleQueue": queue.SimpleQueue(),
    "Future": concurrent.futures.Future(),
    "ThreadPoolExecutor": concurrent.futures.ThreadPoolExecutor(1),
    "scheduler": sched.scheduler(),
    "CompletedProcess": subprocess.CompletedProcess(["a"], 1),
}

for name, thing in OBJECTS.items():
    for action in (copy.copy, copy.deepcopy, pickle.dumps):
        if (name, action) != ("ThreadPoolExecutor", pickle.dumps):
            trial(lambda: type(action(thing)).__name__, name, action.__name__)
    trial(lambda: weakref.ref(thing)() is thing, name, "weakref")
    trial(lambda: hash(thing) == hash(thing), name, "hash")
    trial(lambda: thing == thing, name, "==")
    trial(lambda: bool(thing), name, "bool")
    trial(lambda: len(thing), name, "len")
    trial(lambda: iter(thing), name, "iter")
    trial(lambda: thing < thing, name, "<")
    trial(lambda: setattr(thing, "extra", 1), name, "setattr")
    trial(lambda: hasattr(thing, "__dict__"), name, "dict")
    if name != "SimpleQueue":
        say(name, type(thing).__module__, type(thing).__qualname__)

for error in (
    queue.Empty("x"),
    queue.Full(),
    threading.BrokenBarrierError("b"),
    subprocess.CalledProcessError(3, "x", b"out"),
    subprocess.TimeoutExpired(["x"], 3.5, b"o", b"e"),
    concurrent.futures.CancelledError("c"),
    concurrent.futures.TimeoutError(),
    concurrent.futures.BrokenExecutor("b"),
    concurrent.futures.InvalidStateError("i"),
    concurrent.futures.thread.BrokenThreadPool("p"),
):
    trial(lambda: pickle.loads(pickle.dumps(error)), type(error).__name__, "pickle")
    trial(lambda: copy.copy(error), type(error).__name__, "copy")
    say(type(error).__mro__)
for function in (
    queue.Queue.put,
    threading.Thread.start,
    threading.active_count,
    subprocess.run,
    queue.Queue,
):
    trial(lambda: pickle.loads(pickle.dumps(function)) is function, function.__qualname__)
