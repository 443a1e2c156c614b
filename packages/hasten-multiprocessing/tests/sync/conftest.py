"""Locks and what is built of them, made by either implementation for the context of `fork`."""

from __future__ import annotations

import multiprocessing.synchronize as stdlib

import pytest
from support.shared_state import Maker

from hasten.multiprocessing import synchronize


@pytest.fixture(params=[stdlib, synchronize], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> Maker:
    return Maker(request.param)


@pytest.fixture
def ours() -> Maker:
    return Maker(synchronize)
