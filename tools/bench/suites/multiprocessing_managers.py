"""Rows of `multiprocessing.managers`."""

from __future__ import annotations

from bench.cases import Suite, module
from bench.rows.multiprocessing.managers import Calls, Children, Objects, Starts

SUITE = Suite(
    name="multiprocessing_managers",
    packages=("multiprocessing",),
    imports="hasten.multiprocessing.managers",
    implementations=(
        module("stdlib", "multiprocessing.managers"),
        module("hasten", "hasten.multiprocessing.managers"),
    ),
    cases=(
        Calls("dict[key]", "dict", lambda proxy: proxy.__getitem__, ("a",), expected=1),
        Calls("dict[key] = value", "dict", lambda proxy: proxy.__setitem__, ("a", 1), expected=None),
        Calls("Value.get", "Value", lambda proxy: proxy.get, (), expected=1),
        Calls("Event.is_set", "Event", lambda proxy: proxy.is_set, (), expected=False),
        Objects("new list"),
        Children("proxies in a child, 20"),
        Starts("start and shutdown, fork"),
    ),
)
