"""The standard library's `multiprocessing.managers`: objects in a server process, used through proxies.

Clients may be on other machines; the other end may be the standard library's.
"""

# ruff: noqa: F401

from __future__ import annotations

from importlib import import_module

from hasten.multiprocessing import _registries
from hasten.multiprocessing._managers import _protocol
from hasten.multiprocessing._managers._kinds import (
    AcquirerProxy,
    Array,
    ArrayProxy,
    BarrierProxy,
    BaseListProxy,
    BasePoolProxy,
    ConditionProxy,
    DictProxy,
    EventProxy,
    IteratorProxy,
    ListProxy,
    Namespace,
    NamespaceProxy,
    PoolProxy,
    SetProxy,
    Value,
    ValueProxy,
    _BaseDictProxy,
    _BaseSetProxy,
)
from hasten.multiprocessing._managers._manager import BaseManager
from hasten.multiprocessing._managers._protocol import (
    RemoteError,
    State,
    Token,
    all_methods,
    convert_to_error,
    dispatch,
    public_methods,
)
from hasten.multiprocessing._managers._proxies import AutoProxy, BaseProxy, MakeProxyType, RebuildProxy
from hasten.multiprocessing._managers._server import Server, listener_client
from hasten.multiprocessing._managers._sync import SyncManager

__all__ = ["BaseManager", "BaseProxy", "SharedMemoryManager", "SyncManager", "Token"]  # noqa: F822

HAS_SHMEM = True
ProcessLocalSet = _protocol._stdlib.ProcessLocalSet

# The reducers of arrays and dict views, which the standard library's module registers.
reduce_array = _protocol._stdlib.reduce_array
rebuild_as_list = _protocol._stdlib.rebuild_as_list

_rest = _registries.rest_of(__name__, _protocol._stdlib)
_LATER = ("SharedMemoryManager", "SharedMemoryServer", "_SharedMemoryTracker")


def __getattr__(name):
    """Load the names that need `hasten.shared_memory` at first access; other names are the standard
    library's."""
    if name == "shared_memory":
        value = import_module("hasten.shared_memory")
    elif name in _LATER:
        value = getattr(import_module("hasten.multiprocessing._managers._shared_memory"), name)
    else:
        return _rest(name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_LATER})
