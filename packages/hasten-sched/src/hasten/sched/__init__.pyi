import sched as _stdlib
from collections.abc import Callable, Mapping, Sequence
from sched import Event as Event
from typing import Any

__all__ = ["scheduler"]

class scheduler(_stdlib.scheduler):
    timefunc: Callable[[], Any]
    delayfunc: Callable[[Any], object]
    def __init__(
        self, timefunc: Callable[[], Any] = ..., delayfunc: Callable[[Any], object] = ...
    ) -> None: ...
    def enterabs(
        self,
        time: Any,
        priority: Any,
        action: Callable[..., Any],
        argument: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = ...,
    ) -> Event: ...
    def enter(
        self,
        delay: Any,
        priority: Any,
        action: Callable[..., Any],
        argument: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = ...,
    ) -> Event: ...
    def cancel(self, event: Event) -> None: ...
    def empty(self) -> bool: ...
    def run(self, blocking: bool = True) -> Any: ...
    @property
    def queue(self) -> list[Event]: ...
