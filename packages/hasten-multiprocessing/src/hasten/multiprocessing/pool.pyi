from collections.abc import Callable, Iterable
from multiprocessing import pool as _stdlib
from multiprocessing.pool import CLOSE as CLOSE
from multiprocessing.pool import INIT as INIT
from multiprocessing.pool import RUN as RUN
from multiprocessing.pool import TERMINATE as TERMINATE
from multiprocessing.pool import ApplyResult as ApplyResult
from multiprocessing.pool import AsyncResult as AsyncResult
from multiprocessing.pool import IMapIterator as IMapIterator
from multiprocessing.pool import IMapUnorderedIterator as IMapUnorderedIterator
from multiprocessing.pool import MapResult as MapResult
from typing import Any, TypeVar

__all__ = ["AsyncResult", "BrokenPoolError", "Pool", "PoolTerminatedError", "ThreadPool", "WorkerLostError"]

_S = TypeVar("_S")
_T = TypeVar("_T")

class WorkerLostError(RuntimeError):
    pid: int | None
    exitcode: int | None
    def __init__(self, message: str, pid: int | None = None, exitcode: int | None = None) -> None: ...

class BrokenPoolError(WorkerLostError): ...
class PoolTerminatedError(WorkerLostError): ...

class Pool(_stdlib.Pool):
    def map(
        self,
        func: Callable[[_S], _T],
        iterable: Iterable[_S],
        chunksize: int | None = None,
        *,
        progress: bool | Callable[[int, int | None], object] | None = None,
    ) -> list[_T]: ...
    def starmap(
        self,
        func: Callable[..., _T],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        *,
        progress: bool | Callable[[int, int | None], object] | None = None,
    ) -> list[_T]: ...
    def imap(
        self,
        func: Callable[[_S], _T],
        iterable: Iterable[_S],
        chunksize: int | None = 1,
        buffersize: int | None = None,
        *,
        progress: bool | Callable[[int, int | None], object] | None = None,
    ) -> IMapIterator[_T]: ...
    def imap_unordered(
        self,
        func: Callable[[_S], _T],
        iterable: Iterable[_S],
        chunksize: int | None = 1,
        buffersize: int | None = None,
        *,
        progress: bool | Callable[[int, int | None], object] | None = None,
    ) -> IMapIterator[_T]: ...
    def __del__(self, _warn: Any = ..., RUN: str = "RUN") -> None: ...

class ThreadPool(Pool, _stdlib.ThreadPool): ...
