from collections.abc import Callable, Iterable, Mapping
from multiprocessing import dummy as _stdlib
from multiprocessing.dummy import Barrier as Barrier
from multiprocessing.dummy import BoundedSemaphore as BoundedSemaphore
from multiprocessing.dummy import Condition as Condition
from multiprocessing.dummy import Event as Event
from multiprocessing.dummy import JoinableQueue as JoinableQueue
from multiprocessing.dummy import Lock as Lock
from multiprocessing.dummy import Manager as Manager
from multiprocessing.dummy import Pipe as Pipe
from multiprocessing.dummy import Pool as Pool
from multiprocessing.dummy import Queue as Queue
from multiprocessing.dummy import RLock as RLock
from multiprocessing.dummy import Semaphore as Semaphore
from multiprocessing.dummy import active_children as active_children
from multiprocessing.dummy import current_process as current_process
from multiprocessing.dummy import freeze_support as freeze_support
from typing import Any

from hasten import threading

__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "JoinableQueue",
    "Lock",
    "Manager",
    "Pipe",
    "Pool",
    "Process",
    "Queue",
    "RLock",
    "Semaphore",
    "active_children",
    "current_process",
    "freeze_support",
]

class DummyProcess(threading.Thread, _stdlib.DummyProcess):
    def __init__(
        self,
        group: Any = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> None: ...

Process = DummyProcess

class Namespace(_stdlib.Namespace): ...
class Value(_stdlib.Value): ...

def Array(typecode: Any, sequence: Any, lock: Any = True) -> Any: ...
def shutdown() -> None: ...
