"""SyncManager and its types."""

from __future__ import annotations

from hasten import queue, threading
from hasten.multiprocessing._managers import _kinds as kinds
from hasten.multiprocessing._managers._manager import BaseManager
from hasten.multiprocessing._managers._protocol import _stdlib, published


def Lock():
    """A lock; a function, since threading.Lock cannot be pickled by name for a spawned server."""
    return threading.Lock()


def Pool(*args, **kwds):
    """A pool of children of the server; imports its module on demand."""
    from hasten.multiprocessing import pool

    return pool.Pool(*args, **kwds)


@published
class SyncManager(BaseManager, _stdlib.SyncManager):
    """A manager of locks, queues, containers, values, namespaces and pools that processes share."""


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

# Results of proxies' methods.
SyncManager.register("Iterator", proxytype=kinds.IteratorProxy, create_method=False)
SyncManager.register("AsyncResult", create_method=False)
