"""Forks of programs that use threads: what the child finds, and what may be called by hand."""

import concurrent.futures
import os
import queue
import subprocess
import sys
import threading
import warnings

from prelude import say

warnings.simplefilter("ignore")


def in_child(function):
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            text = repr(function())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with open(read, encoding="utf-8") as file:
        say(file.read())
    os.waitpid(pid, 0)


gate = threading.Event()
waiter = threading.Thread(target=gate.wait, name="waiter")
waiter.start()
in_child(lambda: (threading.active_count(), [t.name for t in threading.enumerate()], waiter.is_alive()))
in_child(
    lambda: (
        threading.main_thread() is threading.current_thread(),
        threading._active.keys() == {threading.get_ident()},
    )
)
in_child(lambda: (waiter.join(), "joined"))
in_child(lambda: gate.is_set())
q = queue.Queue()
held = threading.Lock()
held.acquire()
in_child(lambda: (held.locked(), held._at_fork_reinit(), held.locked()))
rlock = threading.RLock()
with rlock:
    in_child(lambda: (rlock._is_owned(), rlock.release(), rlock._is_owned()))
condition = threading.Condition()
in_child(lambda: (condition._at_fork_reinit(), gate._at_fork_reinit(), "reinit"))
in_child(lambda: (threading.Thread(target=int).start(), "started"))
pool = concurrent.futures.ThreadPoolExecutor(2)
pool.submit(int).result()
in_child(lambda: concurrent.futures.ThreadPoolExecutor(1).submit(pow, 2, 3).result(10))
in_child(lambda: subprocess.run(["echo", "x"], stdout=-1).stdout)
in_child(lambda: (q.put(1), q.get()))


def fork_in_thread():
    in_child(
        lambda: (
            threading.current_thread().name,
            threading.main_thread() is threading.current_thread(),
            type(threading.main_thread()).__name__ if sys.version_info < (3, 10) else None,
        )
    )


thread = threading.Thread(target=fork_in_thread, name="forker")
thread.start()
thread.join()
gate.set()
waiter.join()
say(threading.active_count() - len(pool._threads))
pool.shutdown()
threading._after_fork()
say(threading.active_count(), threading.current_thread().name)
pid = os.fork()
if not pid:
    sys.stdout.flush()
    thread = threading.Thread(target=lambda: say("the child's thread ends"))
    thread.start()
    sys.exit(0)
say(os.waitpid(pid, 0)[1])
