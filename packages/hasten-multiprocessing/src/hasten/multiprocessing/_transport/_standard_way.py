"""Which subclasses of a queue work as the standard library's, with its pipe, locks and feeder thread.

A subclass does if it defines one of HOOKS, or if the code of one of its methods names one of PARTS; the
answer is cached for each class.  Such a queue has the attributes of the standard library's class, but with
our connections.  Reason: pickle looks reducers up by the exact class, and a program under the launcher
(loky) registers its own for `multiprocessing.connection.Connection`, which is ours there.
"""

from __future__ import annotations

import weakref
from multiprocessing import connection as _stdlib
from types import CodeType, FunctionType
from typing import Any

PARTS = frozenset(
    "_reader _writer _rlock _wlock _sem _buffer _notempty _thread _send_bytes _recv_bytes _send _recv _poll"
    " _feed _start_thread _finalize_join _finalize_close".split()
)
HOOKS = PARTS.union(["__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "_reset", "_after_fork"])

ENDS = "_reader", "_writer"

_known: weakref.WeakKeyDictionary[type, bool] = weakref.WeakKeyDictionary()


def goes_standard_way(cls: type, ours: tuple[type, ...]) -> bool:
    """Whether *cls*, or a base of it other than *ours* and their bases, needs a part that a ring lacks."""
    if cls in ours:
        return False
    if cls not in _known:
        _known[cls] = any(_needs_parts(base) for base in cls.__mro__ if not _is_above(base, ours))
    return _known[cls]


def _is_above(base: type, ours: tuple[type, ...]) -> bool:
    """Whether *base* is one of *ours* or one of their bases."""
    return any(issubclass(our, base) for our in ours)


def _needs_parts(cls: type) -> bool:
    names = vars(cls)
    return not HOOKS.isdisjoint(names) or any(map(_names_parts, names.values()))


def _names_parts(value: Any) -> bool:
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if isinstance(value, property):
        return any(map(_names_parts, (value.fget, value.fset)))
    return isinstance(value, FunctionType) and _code_names_parts(value.__code__)


def _code_names_parts(code: CodeType) -> bool:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return not PARTS.isdisjoint(code.co_names) or any(map(_code_names_parts, inner))


def overrides(cls: type, ours: tuple[type, ...], names: frozenset[str]) -> bool:
    """Whether *cls*, or a base before the first of *ours* in its MRO, defines one of *names*; True if none of
    *ours* is in its MRO."""
    for base in cls.__mro__:
        if base in ours:
            return False
        if not names.isdisjoint(vars(base)):
            return True
    return True


def own_pipe(queue: Any) -> None:
    """Replace the standard library's connections of a new queue by ours."""
    from hasten.multiprocessing.connection import Connection

    made = vars(queue)
    for name in ENDS:
        old = made.get(name)
        if type(old) is not _stdlib.Connection:
            continue
        end = made[name] = Connection(old.fileno(), old.readable, old.writable)
        old._handle = None
        for other, value in made.items():
            if getattr(value, "__self__", None) is old:  # _poll, _recv_bytes, _send_bytes
                made[other] = getattr(end, value.__name__)
