"""What a spawned child needs, packed by its parent into one piece of marshal's.

The child reads it, and so it has the interpreter's settings, the code of the main module and what to call,
without a module that it would need for unpacking only.  What is no matter for marshal is pickled within.
"""

from __future__ import annotations

import copyreg
import io
import marshal
import os
import sys
import warnings
from types import BuiltinFunctionType, FunctionType

from hasten.multiprocessing import _registries

_PLAIN = (type(None), bool, int, float, str, bytes)
_FEW = 200  # objects that are looked at one by one; pickle does more of them faster
_OWN_FIELDS = {"_popen", "_closed", "_target", "_args", "_kwargs"}
_SENT_FIELDS = {"_identity", "_config", "_parent_pid", "_parent_name", "_name"}
_main: tuple = (None, None)  # the main module's code, and which file it was compiled from


def pack(preparation, process, tracker_fd) -> bytes | None:
    """The blob of *process*; None if something in it is too special.

    preparation: what spawn.get_preparation_data() says.  tracker_fd: the resource tracker's pipe.
    Raises what the process raises when it is pickled; the caller has said for whom, by set_spawning_popen().
    """
    if set(preparation) - _PREPARED or preparation["log_to_stderr"] or "log_level" in preparation:
        return None
    data = dict(preparation, authkey=bytes(preparation["authkey"]), tracker_fd=tracker_fd)
    data["replaced"] = _replaced()
    data["main"] = _main_of(preparation)
    if not _can_be_dumped(data):  # known before anything is pickled: that may take descriptors along
        return None
    if is_plain(process):
        fields = {name: vars(process)[name] for name in _SENT_FIELDS}
        authkey = fields["_config"].get("authkey")
        fields["_config"] = dict(fields["_config"], authkey=authkey and bytes(authkey))
        data["fields"] = fields
        data["kind"] = type(process).__name__
        data["call"] = _call(process)
    else:
        data["pickled"] = _pickled(process)
    return marshal.dumps(data)


def _can_be_dumped(data) -> bool:
    try:
        marshal.dumps(data)
    except ValueError:
        return False
    return True


_PREPARED = {
    "authkey",
    "dir",
    "init_main_from_name",
    "init_main_from_path",
    "log_level",
    "log_to_stderr",
    "name",
    "orig_dir",
    "start_method",
    "sys_argv",
    "sys_path",
}


def is_plain(process) -> bool:
    """Whether *process* is a call with a name and no more: of our class, with no attributes of the user's."""
    from hasten.multiprocessing import context
    from hasten.multiprocessing.process import BaseProcess

    kind = type(process)
    if kind is not context.SpawnProcess and kind is not context.Process:
        return False
    known = vars(BaseProcess)
    if kind.run is not known["run"] or vars(process).keys() - _SENT_FIELDS - _OWN_FIELDS:
        return False
    if not vars(process).keys() >= _SENT_FIELDS:
        return False
    config = [value for name, value in process._config.items() if name != "authkey"]
    return is_matter(*config, process._name, process._identity)


def _call(process):
    """(module, name, args, kwargs) if marshal can keep it, else a pickle of (target, args, kwargs)."""
    target, args, kwargs = process._target, process._args, process._kwargs
    where = _where(target)
    if where is not None and is_matter(args, kwargs):
        return (*where, args, kwargs)
    return _pickled((target, args, kwargs))


def _where(function):
    """The module and the name under which pickle would look a function up, if it is found there."""
    if type(function) not in (FunctionType, BuiltinFunctionType) or type(function) in copyreg.dispatch_table:
        return None
    module, name = function.__module__, function.__qualname__
    if not isinstance(module, str) or type(name) is not str:
        return None
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return (module, name) if found is function else None


def is_matter(*values) -> bool:
    """Whether *values* are few, plain, and hold nothing twice that could be told apart afterwards."""
    left: list = list(values)
    seen: set[int] = set()
    while left:
        value = left.pop()
        kind = type(value)
        if kind in _PLAIN:
            continue
        if kind not in (tuple, list, dict) or id(value) in seen or len(seen) > _FEW or len(value) > _FEW:
            return False
        seen.add(id(value))
        left.extend(value)
        if kind is dict:
            left.extend(value.values())
    return True


def _pickled(obj) -> bytes:
    buffer = io.BytesIO()
    _registries.context.reduction.dump(obj, buffer)
    return buffer.getvalue()


def _replaced() -> str:
    """The names of what the launcher has replaced here."""
    redirect = sys.modules.get("hasten.patch._redirect")
    return ",".join(redirect.active) if redirect is not None else ""


def _main_of(preparation):
    """How the child gets its main module: (how, name or path, code or None), or None for not at all."""
    if "init_main_from_name" in preparation:
        name = preparation["init_main_from_name"]
        if name == "__main__" or name.endswith(".__main__"):
            return None
        return ("name", name, None)
    path = preparation.get("init_main_from_path")
    if path is None or os.path.splitext(os.path.basename(path))[0] == "ipython":
        return None
    return ("path", path, _code_of(path))


def _code_of(path):
    """The compiled file *path*, or None where the child is to see for itself."""
    global _main
    if not path.endswith(".py"):
        return None
    try:
        found = os.stat(path)
        state = (path, found.st_mtime_ns, found.st_size, found.st_ino)
        if _main[1] != state:
            with open(path, "rb") as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they were shown when the program started
                _main = (compile(file.read(), path, "exec", dont_inherit=True), state)
        return _main[0]
    except (OSError, SyntaxError, ValueError):
        return None
