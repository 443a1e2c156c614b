"""SyncManager: the types that every manager of the context has."""

from __future__ import annotations

from hasten import queue, threading
from hasten.multiprocessing._managers import _kinds as kinds
from hasten.multiprocessing._managers._manager import BaseManager
from hasten.multiprocessing._managers._protocol import _stdlib, published


def Lock():
    """A lock.  Its class has no name that a pickle for a spawned server could give."""
    return threading.Lock()


def Pool(*args, **kwds):
    """A pool of the server's children; the module is not loaded before somebody wants one."""
    from hasten.multiprocessing import pool

    return pool.Pool(*args, **kwds)


@published
class SyncManager(BaseManager, _stdlib.SyncManager):
    """A manager of what threads share: locks, queues and the like, containers, values, namespaces, pools."""


for _typeid, _callable, _proxytype in [
    ("Queue", queue.Queue, None),
    ("JoinableQueue", queue.Queue, None),
    ("Event", threading.Event, kinds.EventProxy),
    ("Lock", Lock, kinds.AcquirerProxy),
    ("RLock", threading.RLock, kinds.AcquirerProxy),
    ("Semaphore", threading.Semaphore, kinds.AcquirerProxy),
    ("BoundedSemaphore", threading.BoundedSemaphore, kinds.AcquirerProxy),
    ("Condition", threading.Condition, kinds.ConditionProxy),
    ("Barrier", threading.Barrier, kinds.BarrierProxy),
    ("Pool", Pool, kinds.PoolProxy),
    ("list", list, kinds.ListProxy),
    ("dict", dict, kinds.DictProxy),
    ("set", set, kinds.SetProxy),
    ("Value", kinds.Value, kinds.ValueProxy),
    ("Array", kinds.Array, kinds.ArrayProxy),
    ("Namespace", kinds.Namespace, kinds.NamespaceProxy),
]:
    SyncManager.register(_typeid, _callable, _proxytype)

# What methods of proxies return.
SyncManager.register("Iterator", proxytype=kinds.IteratorProxy, create_method=False)
SyncManager.register("AsyncResult", create_method=False)
