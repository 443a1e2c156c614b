import socket
from collections.abc import Iterable
from multiprocessing import reduction as _stdlib
from multiprocessing.reduction import ForkingPickler as ForkingPickler
from multiprocessing.reduction import register as register
from typing import Any

from _typeshed import SupportsWrite

from hasten.multiprocessing.connection import Connection

__all__ = ["DupFd", "ForkingPickler", "dump", "recv_handle", "recvfds", "register", "send_handle", "sendfds"]

HAVE_SEND_HANDLE: bool
ACKNOWLEDGE: bool

class AbstractReducer(_stdlib.AbstractReducer): ...

def dump(obj: Any, file: SupportsWrite[bytes], protocol: int | None = None) -> None: ...
def sendfds(sock: socket.socket, fds: Iterable[int]) -> None: ...
def recvfds(sock: socket.socket, size: int) -> list[int]: ...
def send_handle(conn: Connection, handle: int, destination_pid: int | None) -> None: ...
def recv_handle(conn: Connection) -> int: ...
def DupFd(fd: int) -> Any: ...
