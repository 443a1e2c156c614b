"""What all tests of hasten.threading share.

The body of a test runs over the fixture `impl`: once over the standard library's `threading`, which is the
oracle, and once over ours.  What the running version's standard library lacks, or does worse, runs over
ours alone.
"""

from __future__ import annotations

import sys
import threading
from types import ModuleType

import pytest

import hasten.threading


@pytest.fixture(params=[threading, hasten.threading], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    """The module under test; ours alone where the mark `ours_without(NAME)` names what the stdlib lacks."""
    mark = request.node.get_closest_marker("ours_without")
    if mark and request.param is threading and not hasattr(threading, mark.args[0]):
        pytest.skip(f"the standard library has no {mark.args[0]}")
    since = request.node.get_closest_marker("since")
    if since and request.param is threading and sys.version_info < since.args:
        pytest.skip(f"the standard library does so since {since.args}")
    return request.param


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ours_without(name): runs over ours alone if the stdlib lacks it")
    config.addinivalue_line("markers", "since(3, x): runs over ours alone where the stdlib is older")
