import subprocess as _stdlib
from collections.abc import Iterable, Sequence
from os import PathLike
from subprocess import DEVNULL as DEVNULL
from subprocess import PIPE as PIPE
from subprocess import STDOUT as STDOUT
from subprocess import CalledProcessError as CalledProcessError
from subprocess import SubprocessError as SubprocessError
from subprocess import TimeoutExpired as TimeoutExpired
from subprocess import list2cmdline as list2cmdline
from typing import Any, AnyStr, Literal, SupportsFloat, SupportsIndex, TypeVar, overload

__all__ = [
    "DEVNULL",
    "PIPE",
    "STDOUT",
    "CalledProcessError",
    "CompletedProcess",
    "Popen",
    "SubprocessError",
    "TimeoutExpired",
    "call",
    "check_call",
    "check_output",
    "getoutput",
    "getstatusoutput",
    "run",
    "wait_any",
]

_Path = str | bytes | PathLike[str] | PathLike[bytes]
_Command = _Path | Sequence[_Path]
_Seconds = SupportsFloat | SupportsIndex | None
_Bytes = bytes | bytearray | memoryview
_PopenT = TypeVar("_PopenT", bound=_stdlib.Popen[Any])

class CompletedProcess(_stdlib.CompletedProcess[AnyStr]): ...

class Popen(_stdlib.Popen[AnyStr]):
    def wait(self, timeout: _Seconds = None) -> int: ...
    def communicate(self, input: Any = None, timeout: _Seconds = None) -> Any: ...
    def kill_tree(self) -> None: ...

def wait_any(procs: Iterable[_PopenT], timeout: _Seconds = None) -> list[_PopenT]: ...
@overload
def run(
    args: _Command,
    *popenargs: Any,
    text: Literal[True],
    input: str | None = None,
    capture_output: bool = False,
    timeout: _Seconds = None,
    check: bool = False,
    kill_tree: bool = False,
    **kwargs: Any,
) -> CompletedProcess[str]: ...
@overload
def run(
    args: _Command,
    *popenargs: Any,
    encoding: str,
    input: str | None = None,
    capture_output: bool = False,
    timeout: _Seconds = None,
    check: bool = False,
    kill_tree: bool = False,
    **kwargs: Any,
) -> CompletedProcess[str]: ...
@overload
def run(
    args: _Command,
    *popenargs: Any,
    text: Literal[False] | None = None,
    encoding: None = None,
    errors: None = None,
    universal_newlines: Literal[False] | None = None,
    input: _Bytes | None = None,
    capture_output: bool = False,
    timeout: _Seconds = None,
    check: bool = False,
    kill_tree: bool = False,
    **kwargs: Any,
) -> CompletedProcess[bytes]: ...
@overload
def run(
    *popenargs: Any,
    input: Any = None,
    capture_output: bool = False,
    timeout: _Seconds = None,
    check: bool = False,
    kill_tree: bool = False,
    **kwargs: Any,
) -> CompletedProcess[Any]: ...
def call(*popenargs: Any, timeout: _Seconds = None, **kwargs: Any) -> int: ...
def check_call(*popenargs: Any, **kwargs: Any) -> int: ...
@overload
def check_output(
    args: _Command, *popenargs: Any, text: Literal[True], timeout: _Seconds = None, **kwargs: Any
) -> str: ...
@overload
def check_output(
    args: _Command, *popenargs: Any, encoding: str, timeout: _Seconds = None, **kwargs: Any
) -> str: ...
@overload
def check_output(
    args: _Command,
    *popenargs: Any,
    text: Literal[False] | None = None,
    encoding: None = None,
    errors: None = None,
    universal_newlines: Literal[False] | None = None,
    timeout: _Seconds = None,
    **kwargs: Any,
) -> bytes: ...
@overload
def check_output(*popenargs: Any, timeout: _Seconds = None, **kwargs: Any) -> Any: ...
def getstatusoutput(
    cmd: str | bytes, *, encoding: str | None = None, errors: str | None = None
) -> tuple[int, str]: ...
def getoutput(cmd: str | bytes, *, encoding: str | None = None, errors: str | None = None) -> str: ...
