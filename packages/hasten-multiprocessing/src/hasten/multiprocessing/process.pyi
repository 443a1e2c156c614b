from collections.abc import Callable, Iterable, Mapping
from multiprocessing import process as _stdlib
from multiprocessing.process import active_children as active_children
from multiprocessing.process import current_process as current_process
from multiprocessing.process import parent_process as parent_process
from typing import Any, SupportsFloat

__all__ = ["BaseProcess", "active_children", "current_process", "parent_process"]

class BaseProcess(_stdlib.BaseProcess):
    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        daemon: bool | None = None,
    ) -> None: ...
    def interrupt(self) -> None: ...
    def join(self, timeout: SupportsFloat | None = None) -> None: ...
