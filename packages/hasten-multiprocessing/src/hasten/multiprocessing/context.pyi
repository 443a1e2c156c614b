from multiprocessing import context as _stdlib
from multiprocessing.context import AuthenticationError as AuthenticationError
from multiprocessing.context import BufferTooShort as BufferTooShort
from multiprocessing.context import ProcessError as ProcessError
from multiprocessing.context import TimeoutError as TimeoutError
from multiprocessing.context import assert_spawning as assert_spawning
from multiprocessing.context import get_spawning_popen as get_spawning_popen
from multiprocessing.context import set_spawning_popen as set_spawning_popen
from typing import Any, ClassVar, Literal

from hasten.multiprocessing import connection, process, queues

__all__ = ()

class BaseContext(_stdlib.BaseContext):
    def Pipe(
        self, duplex: bool = True, *, shm: bool = False
    ) -> tuple[connection.Connection, connection.Connection]: ...
    def Queue(self, maxsize: int = 0, *, strict: bool = False) -> queues.Queue[Any]: ...
    def set_forkserver_preload(
        self, module_names: list[str], *, on_error: Literal["ignore", "warn", "fail"] = "ignore"
    ) -> None: ...

class Process(process.BaseProcess, _stdlib.Process): ...

class DefaultContext(BaseContext, _stdlib.DefaultContext):
    Process: ClassVar[type[Process]]
    def __init__(self, context: _stdlib.BaseContext | None = None) -> None: ...

class ForkProcess(process.BaseProcess, _stdlib.ForkProcess): ...
class SpawnProcess(process.BaseProcess, _stdlib.SpawnProcess): ...
class ForkServerProcess(process.BaseProcess, _stdlib.ForkServerProcess): ...

class ForkContext(BaseContext, _stdlib.ForkContext):
    Process: ClassVar[type[ForkProcess]]

class SpawnContext(BaseContext, _stdlib.SpawnContext):
    Process: ClassVar[type[SpawnProcess]]

class ForkServerContext(BaseContext, _stdlib.ForkServerContext):
    Process: ClassVar[type[ForkServerProcess]]
