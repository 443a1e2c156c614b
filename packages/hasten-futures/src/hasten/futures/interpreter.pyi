from collections.abc import Callable
from concurrent.futures.interpreter import BrokenInterpreterPool as BrokenInterpreterPool
from concurrent.futures.interpreter import InterpreterPoolExecutor as _StdlibInterpreterPoolExecutor
from concurrent.interpreters import ExecutionFailed as ExecutionFailed
from concurrent.interpreters import Interpreter, Queue
from typing import Any

from typing_extensions import Self

from hasten.futures import thread

def do_call(
    results: Queue, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any: ...

class WorkerContext(thread.WorkerContext):
    initdata: tuple[Any, ...] | None
    interp: Interpreter | None
    results: Queue | None
    @classmethod
    def prepare(
        cls, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]
    ) -> tuple[Callable[[], Self], Any]: ...
    def __init__(self, initdata: tuple[Any, ...] | None) -> None: ...
    def __del__(self) -> None: ...
    def initialize(self) -> None: ...
    def run(self, task: Any) -> Any: ...
    def finalize(self) -> None: ...

class InterpreterPoolExecutor(thread.ThreadPoolExecutor, _StdlibInterpreterPoolExecutor):
    BROKEN: type[BrokenInterpreterPool]
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
    ) -> None: ...
