import concurrent.futures as _stdlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ALL_COMPLETED as ALL_COMPLETED
from concurrent.futures import FIRST_COMPLETED as FIRST_COMPLETED
from concurrent.futures import FIRST_EXCEPTION as FIRST_EXCEPTION
from concurrent.futures import BrokenExecutor as BrokenExecutor
from concurrent.futures import CancelledError as CancelledError
from concurrent.futures import InvalidStateError as InvalidStateError
from concurrent.futures import TimeoutError as TimeoutError
from concurrent.futures._base import DoneAndNotDoneFutures
from types import GenericAlias, TracebackType
from typing import Any, ParamSpec, Protocol, SupportsFloat, SupportsIndex, TypeVar

from typing_extensions import Self

from hasten.futures.interpreter import InterpreterPoolExecutor as InterpreterPoolExecutor
from hasten.futures.process import ProcessPoolExecutor as ProcessPoolExecutor
from hasten.futures.thread import ThreadPoolExecutor as ThreadPoolExecutor

__all__ = [
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "ALL_COMPLETED",
    "CancelledError",
    "TimeoutError",
    "InvalidStateError",
    "BrokenExecutor",
    "Future",
    "Executor",
    "wait",
    "as_completed",
    "InterpreterPoolExecutor",
    "ProcessPoolExecutor",
    "ThreadPoolExecutor",
]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_F = TypeVar("_F", bound=_stdlib.Future[Any])
_P = ParamSpec("_P")
_Timeout = SupportsFloat | SupportsIndex

class Future(_stdlib.Future[_T]):
    def __init__(self) -> None: ...
    def cancel(self, *, kill: bool = False) -> bool: ...
    def cancelled(self) -> bool: ...
    def running(self) -> bool: ...
    def done(self) -> bool: ...
    def add_done_callback(self, fn: Callable[[Future[_T]], object]) -> None: ...
    def result(self, timeout: _Timeout | None = None) -> _T: ...
    def exception(self, timeout: _Timeout | None = None) -> BaseException | None: ...
    def set_running_or_notify_cancel(self) -> bool: ...
    def set_result(self, result: _T) -> None: ...
    def set_exception(self, exception: BaseException | None) -> None: ...
    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...

class _Results(Iterator[_T_co], Protocol[_T_co]):
    def close(self) -> None: ...

class Executor(_stdlib.Executor):
    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]: ...
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
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None: ...

def wait(
    fs: Iterable[_stdlib.Future[_T]], timeout: _Timeout | None = None, return_when: str = "ALL_COMPLETED"
) -> DoneAndNotDoneFutures[_T]: ...
def as_completed(fs: Iterable[_F], timeout: _Timeout | None = None) -> Iterator[_F]: ...
def __dir__() -> list[str]: ...
