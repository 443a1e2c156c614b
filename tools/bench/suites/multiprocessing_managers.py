"""Rows of `multiprocessing.managers`."""

from __future__ import annotations

from typing import Any

from bench.cases import Suite, module
from bench.rows.multiprocessing.managers import BY_SOCKET, Calls, Children, Objects, Starts


def calls(where: str, **options: Any) -> list[Calls]:
    return [
        Calls(f"dict[key]{where}", "dict", lambda proxy: proxy.__getitem__, ("a",), expected=1, **options),
        Calls(
            f"dict[key] = value{where}", "dict", lambda it: it.__setitem__, ("a", 1), expected=None, **options
        ),
        Calls(f"Value.get{where}", "Value", lambda proxy: proxy.get, (), expected=1, **options),
        Calls(f"Event.is_set{where}", "Event", lambda proxy: proxy.is_set, (), expected=False, **options),
    ]


SUITE = Suite(
    name="multiprocessing_managers",
    packages=("multiprocessing",),
    imports="hasten.multiprocessing.managers",
    implementations=(
        module("stdlib", "multiprocessing.managers"),
        module("hasten", "hasten.multiprocessing.managers"),
    ),
    cases=(
        *calls("", address=BY_SOCKET),
        *calls(", same host"),
        *calls(", same host, pinned", pinned=True),
        Objects("new list"),
        Children("proxies in a child, 20"),
        Starts("start and shutdown, fork"),
    ),
)
