from collections.abc import Iterable

from hasten.patch._table import NotInstalled as NotInstalled
from hasten.patch._table import Refused as Refused
from hasten.patch._table import UnknownModule as UnknownModule

__all__ = ["Installation", "NotInstalled", "Refused", "UnknownModule", "install", "is_installed", "uninstall"]

class Installation:
    names: tuple[str, ...]
    absent: tuple[str, ...]
    def __init__(self, names: Iterable[str], absent: Iterable[str]) -> None: ...
    def __enter__(self) -> Installation: ...
    def __exit__(self, *exc_info: object) -> None: ...

def install(
    *names: str, only: Iterable[str] | str | None = None, exclude: Iterable[str] | str | None = None
) -> Installation: ...
def uninstall() -> None: ...
def is_installed(name: str | None = None) -> bool: ...
