from collections.abc import Callable
from concurrent.futures.thread import BrokenThreadPool as BrokenThreadPool
from concurrent.futures.thread import ThreadPoolExecutor as _StdlibThreadPoolExecutor
from typing import Any, ParamSpec, SupportsFloat, SupportsIndex, TypeVar

from typing_extensions import Self

from hasten.futures import Executor, Future

_T = TypeVar("_T")
_P = ParamSpec("_P")
_Timeout = SupportsFloat | SupportsIndex

class WorkerContext:
    initializer: Callable[..., object] | None
    initargs: tuple[Any, ...]
    @classmethod
    def prepare(
        cls, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]
    ) -> tuple[Callable[[], Self], Any]: ...
    def __init__(self, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None: ...
    def initialize(self) -> None: ...
    def run(self, task: Any) -> Any: ...
    def finalize(self) -> None: ...

class ThreadPoolExecutor(Executor, _StdlibThreadPoolExecutor):
    BROKEN: type[BrokenThreadPool]
    @classmethod
    def prepare_context(
        cls, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]
    ) -> tuple[Callable[[], Any], Any]: ...
    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        **ctxkwargs: Any,
    ) -> None: ...
    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]: ...
    def shutdown(
        self, wait: bool = True, *, cancel_futures: bool = False, timeout: _Timeout | None = None
    ) -> None: ...
