"""Objects of which a debugger has read all that dir() names.  They work as before."""

import concurrent.futures as futures
import multiprocessing
import queue
import sched
import subprocess
import threading
from multiprocessing import shared_memory

from prelude import say


def look(thing):
    for name in dir(thing):
        try:
            getattr(thing, name)
        except Exception:  # noqa: S110  # abstract, of another kind of context, not started yet
            pass
    return repr(thing) and str(thing)


def check(thing, use):
    for _ in range(2):
        look(thing)
        say(type(thing).__name__, use(thing))
    look(thing)


def taken(lock):
    return lock.acquire(), lock.release(), lock.acquire(False), lock.release()


def notified(condition):
    with condition:
        return condition.wait(0.001), condition.notify_all()


def switched(event):
    return event.set(), event.wait(5), event.clear(), event.is_set()


def met(barrier):
    return barrier.wait(5), barrier.n_waiting, barrier.broken


def passed(items):
    return items.put(1), items.get(timeout=5) if not hasattr(items, "_poll") else items.get()


def began(thread):
    if thread.ident is None:
        thread.start()
    thread.join()
    return thread.is_alive()


def run(scheduler):
    scheduler.enter(0, 1, say, ("due",))
    return scheduler.run()


def in_threads():
    check(threading.Thread(target=int), began)
    check(threading.Timer(0.001, int), began)
    for kind in (threading.Lock, threading.RLock, threading.Semaphore, threading.BoundedSemaphore):
        check(kind(), taken)
    check(threading.Condition(), notified)
    check(threading.Event(), switched)
    check(threading.Barrier(1), met)
    for kind in (queue.Queue, queue.LifoQueue, queue.PriorityQueue, queue.SimpleQueue):
        check(kind(), passed)
    with futures.ThreadPoolExecutor(1) as pool:
        check(pool, lambda pool: pool.submit(abs, -1).result())
        check(pool.submit(abs, -2), lambda future: (future.result(), future.done(), future.cancel()))
    check(sched.scheduler(), run)
    with subprocess.Popen(["cat"], stdin=-1, stdout=-1, text=True) as child:
        check(child, lambda child: child.communicate("x")[0] if child.returncode is None else child.wait())


def in_processes(context):
    for kind in (context.Lock, context.RLock, context.Semaphore, context.BoundedSemaphore):
        check(kind(), taken)
    check(context.Condition(), notified)
    check(context.Event(), switched)
    check(context.Barrier(1), met)
    for items in (context.Queue(), context.JoinableQueue(), context.SimpleQueue()):
        check(items, passed)
    check(context.Value("i", 1), lambda value: value.value)
    check(context.Array("i", [1]), lambda array: array[:])
    check(context.Process(target=int), began)
    near, far = context.Pipe()
    check(near, lambda near: (near.send(1), far.recv()))
    with context.Pool(1) as pool:
        check(pool, lambda pool: pool.map(abs, [-1]))
        check(pool.map_async(abs, [-1]), lambda result: result.get())
        check(pool.imap(abs, [-1, -2]), next)
    with futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        check(pool, lambda pool: pool.submit(abs, -1).result())
    with context.Manager() as manager:
        check(manager.dict(), len)
        check(manager.Queue(), passed)
        check(manager, lambda manager: len(manager.list([1])))


if __name__ == "__main__":
    in_threads()
    in_processes(multiprocessing.get_context("fork"))
    block = shared_memory.SharedMemory(create=True, size=10)
    check(block, lambda block: len(block.buf) >= 10)
    block.close()
    block.unlink()
