from multiprocessing.dummy import connection as _stdlib
from typing import Any

__all__ = ["Client", "Listener", "Pipe"]

families: list[None]

class Listener(_stdlib.Listener):
    def accept(self) -> Connection: ...

class Connection(_stdlib.Connection):
    def poll(self, timeout: float | None = 0.0) -> bool: ...

def Client(address: Any) -> Connection: ...
def Pipe(duplex: bool = True, *, shm: bool = False) -> tuple[Connection, Connection]: ...
