"""dill: events, semaphores, barriers and queues, which it can store because it knows locks.

No condition of an RLock, and so no future: dill stores its lock once for each method, and a wait never ends.
"""

import queue
import threading

import dill


def use(made):
    """What an object that was stored does: it waits and is woken."""
    name = type(made).__name__
    if name == "Event":
        threading.Timer(0.01, made.set).start()
        return made.wait(20)
    if name == "Semaphore":
        return made.acquire(False), made.acquire(False)
    if name == "Barrier":
        thread = threading.Thread(target=made.wait)
        thread.start()
        return made.wait(20) in (0, 1), thread.join()
    return [made.get(timeout=20) for _ in range(made.qsize())]


def main():
    full = queue.Queue()
    full.put("an item")
    for made in (threading.Event(), threading.Semaphore(1), threading.Barrier(2), full):
        print(type(made).__name__, use(dill.loads(dill.dumps(made))))


if __name__ == "__main__":
    main()
