"""Names of the modules replaced by a program, in the way of test suites and instrumentation."""

import concurrent.futures
import concurrent.futures.thread
import queue
import sched
import subprocess
import threading
from unittest import mock

from prelude import say

calls = []


def counting(plain):
    def wrapper(*args, **kwargs):
        calls.append(getattr(plain, "__qualname__", "?").replace("allocate_lock", "lock"))
        return plain(*args, **kwargs)

    return wrapper


def told(*label):
    say(*label, sorted(set(calls)))
    calls.clear()


with mock.patch("threading.Lock", counting(threading.Lock)):
    threading.Condition(threading.Lock())
    threading.Event()
    threading.Barrier(1)
    queue.Queue()
    threading.Semaphore()
    told("Lock")
with mock.patch("threading.Thread", counting(threading.Thread)):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
    told("Thread")
with mock.patch("threading.current_thread", counting(threading.current_thread)):
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    told("current_thread")
with mock.patch("threading.get_ident", counting(threading.get_ident)):
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    told("get_ident")
with mock.patch(
    "concurrent.futures.thread.ThreadPoolExecutor", counting(concurrent.futures.ThreadPoolExecutor)
):
    concurrent.futures.thread.ThreadPoolExecutor(1)
    told("ThreadPoolExecutor")
with mock.patch("concurrent.futures.thread._worker", counting(concurrent.futures.thread._worker)):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
    told("_worker")
with mock.patch("queue.deque", counting(queue.deque)):
    queue.Queue().put(1)
    told("deque")
with mock.patch("queue.heappush", counting(queue.heappush)):
    queue.PriorityQueue().put(1)
    told("heappush")
with mock.patch("subprocess.Popen", counting(subprocess.Popen)):
    subprocess.run(["true"])
    subprocess.call(["true"])
    subprocess.check_call(["true"])
    subprocess.check_output(["true"])
    subprocess.getoutput("true")
    told("Popen")
with mock.patch("subprocess.run", counting(subprocess.run)):
    subprocess.check_output(["true"])
    told("run")
with mock.patch("subprocess.call", counting(subprocess.call)):
    subprocess.check_call(["true"])
    told("call")
with mock.patch("subprocess.check_output", counting(subprocess.check_output)):
    subprocess.getoutput("true")
    told("check_output")
with mock.patch("subprocess.os.waitpid", counting(subprocess.os.waitpid)):
    child = subprocess.Popen(["true"])
    child.wait()
    told("waitpid")
with mock.patch("subprocess.list2cmdline", counting(subprocess.list2cmdline)):
    subprocess.run(["true"])
    told("list2cmdline")
with mock.patch("sched.Event", counting(sched.Event)):
    sched.scheduler().enter(1, 1, int)
    told("sched.Event")
with mock.patch("threading._shutdown", counting(threading._shutdown)):
    threading._shutdown
    told("_shutdown")
with mock.patch("threading.main_thread", lambda: threading.current_thread()):
    say(threading.main_thread() is threading.current_thread())
with mock.patch("threading.enumerate", counting(threading.enumerate)):
    threading.active_count()
    told("enumerate")
