import concurrent.futures.process as _stdlib
from collections.abc import Callable, Iterable
from concurrent.futures.process import BrokenProcessPool as BrokenProcessPool
from multiprocessing.context import BaseContext
from typing import Any, Literal, ParamSpec, TypeVar, type_check_only

from hasten.futures import Executor, Future, _Results, _Timeout

_T = TypeVar("_T")
_P = ParamSpec("_P")

EXTRA_QUEUED_CALLS: int

def __dir__() -> list[str]: ...
@type_check_only
class _WithOptions:
    timeout: float | None
    retries: int | None
    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]: ...

class ProcessPoolExecutor(Executor, _stdlib.ProcessPoolExecutor):
    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: BaseContext | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
        on_crash: Literal["break", "fail-task", "retry"] = "break",
        max_retries: int = 2,
        min_workers: int = 0,
        idle_timeout: _Timeout | None = None,
        max_worker_memory: int | None = None,
        serializer: Literal["pickle", "cloudpickle"] = "pickle",
    ) -> None: ...
    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]: ...
    def options(self, *, timeout: _Timeout | None = None, retries: int | None = None) -> _WithOptions: ...
    def map(
        self,
        fn: Callable[..., _T],
        *iterables: Iterable[Any],
        timeout: _Timeout | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        progress: bool | Callable[[int, int | None], object] | None = None,
    ) -> _Results[_T]: ...
    def shutdown(
        self, wait: bool = True, *, cancel_futures: bool = False, timeout: _Timeout | None = None
    ) -> None: ...
    def terminate_workers(self) -> None: ...
    def kill_workers(self) -> None: ...
