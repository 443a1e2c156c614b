"""No test here may leave a thread, process, descriptor or shared memory block behind.

The body of a test runs over the fixture `impl`: once over the standard library's `multiprocessing`, which is
the oracle, and once over ours.  Files and folders about one module of it have an `impl` of their own.
"""

from __future__ import annotations

import multiprocessing
from types import ModuleType

import pytest

import hasten.multiprocessing


@pytest.fixture(params=[multiprocessing, hasten.multiprocessing], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    return request.param
