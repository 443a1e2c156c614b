"""Methods of the classes replaced, before and after objects were made, by hand and by mock."""

import concurrent.futures
import functools
import queue
import sched
import subprocess
import threading
from unittest import mock

from prelude import say, trial

log = []


def wrap(owner, name):
    plain = getattr(owner, name)

    @functools.wraps(plain)
    def wrapper(self, *args, **kwargs):
        log.append(f"{owner.__name__}.{name}")
        return plain(self, *args, **kwargs)

    return mock.patch.object(owner, name, wrapper)


def told(*label):
    say(*label, sorted(set(log)))
    log.clear()


before = threading.Thread(target=int), queue.Queue(2), threading.Event(), threading.Condition()
thread, q, event, condition = before
with wrap(threading.Thread, "start"), wrap(threading.Thread, "run"), wrap(threading.Thread, "join"):
    thread.start()
    thread.join()
    told("thread")
    timer = threading.Timer(0, int)
    timer.start()
    timer.join()
    told("timer")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
    told("pool")
with wrap(queue.Queue, "put"), wrap(queue.Queue, "get"), wrap(queue.Queue, "qsize"):
    q.put_nowait(1)
    q.get_nowait()
    q.empty(), q.full()
    told("queue")
with wrap(queue.Queue, "_put"), wrap(queue.Queue, "_get"), wrap(queue.Queue, "_qsize"):
    q.put(1)
    q.get()
    q.empty(), q.full(), q.qsize()
    say("hooks", sorted(set(log)))
    log.clear()
with wrap(threading.Condition, "notify"), wrap(threading.Condition, "wait"):
    with condition:
        condition.wait_for(lambda: True)
        condition.notify_all()
    told("condition")
with wrap(threading.Event, "set"), wrap(threading.Event, "wait"):
    event.set()
    event.wait()
    told("event")
with wrap(threading.Event, "is_set"):
    event.is_set()
    told("is_set")
with wrap(threading.Semaphore, "acquire"), wrap(threading.Semaphore, "release"):
    with threading.Semaphore(1):
        pass
    told("semaphore")
with wrap(concurrent.futures.Future, "set_result"), wrap(concurrent.futures.Future, "set_exception"):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        say(pool.submit(int, "x").exception())
    told("future")
with wrap(concurrent.futures.Future, "result"):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        say(list(pool.map(int, "12")))
    told("map")
with (
    wrap(concurrent.futures.ThreadPoolExecutor, "submit"),
    wrap(concurrent.futures.ThreadPoolExecutor, "shutdown"),
):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        say(list(pool.map(int, "12")))
    told("submit")
with wrap(sched.scheduler, "enterabs"), wrap(sched.scheduler, "cancel"):
    plan = sched.scheduler()
    plan.cancel(plan.enter(100, 1, int))
    told("scheduler")
with (
    wrap(subprocess.Popen, "__init__"),
    wrap(subprocess.Popen, "communicate"),
    wrap(subprocess.Popen, "wait"),
):
    subprocess.run(["true"], capture_output=True)
    told("run")
    subprocess.call(["true"])
    told("call")
    subprocess.check_output(["true"])
    told("check_output")
with (
    wrap(subprocess.Popen, "_execute_child"),
    wrap(subprocess.Popen, "poll"),
    wrap(subprocess.Popen, "_communicate"),
):
    subprocess.run(["true"], capture_output=True)
    told("inner")
with mock.patch("queue.Queue.get", return_value="mocked"):
    say(q.get(), queue.LifoQueue().get(), q.get_nowait())
with mock.patch("threading.Thread.start") as start:
    threading.Thread(target=log.append, args=["x"]).start()
    say(start.call_count, log)
with mock.patch("threading.Thread") as fake:
    fake.return_value.is_alive.return_value = "mocked"
    say(threading.Thread(target=int).is_alive())
with mock.patch("subprocess.run") as fake:
    fake.return_value = subprocess.CompletedProcess(["x"], 0, "mocked")
    say(subprocess.run(["false"]).stdout)
with mock.patch("subprocess.Popen") as fake:
    fake.return_value.communicate.return_value = b"out", b"err"
    fake.return_value.__enter__.return_value = fake.return_value
    fake.return_value.poll.return_value = 7
    say(subprocess.run(["false"], capture_output=True).returncode)
    say(fake.call_args)
for kind in (queue.Queue, threading.Event, concurrent.futures.Future, threading.Semaphore):
    spec = mock.create_autospec(kind, instance=True)
    trial(lambda: spec.nothing, kind.__name__)
trial(lambda: mock.create_autospec(threading.Thread, instance=True).join(1, 2))
