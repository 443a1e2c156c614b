"""No test here may leave a thread, process, descriptor or shared memory block behind.

The body of a test runs over the fixture `impl`: once over the standard library's `multiprocessing`, which is
the oracle, and once over ours.  Files and folders about one module of it have an `impl` of their own.
"""

from __future__ import annotations

import multiprocessing
from types import ModuleType

import interruptible  # noqa: F401
import pytest
from leftovers import nothing_left_at_the_end, nothing_left_behind  # noqa: F401
from tasks import python  # noqa: F401

import hasten.multiprocessing


@pytest.fixture(params=[multiprocessing, hasten.multiprocessing], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    return request.param
