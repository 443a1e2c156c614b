"""The tests of locks and the like once more without memfd and futex."""

from __future__ import annotations

from pathlib import Path

import pytest
from portable import once_more, run_portable

SELECTIONS = {
    "test_locks.py": "hasten or ours or owner",
    "test_lock_owner.py": "kill or next or zombie",
    "test_condition_processes.py": "hasten or kill",
    "test_event_processes.py": "hasten or kill",
    "test_barrier_processes.py": "hasten or kill",
    "test_sync_sending.py": "child",
    "test_sync_signals.py": "wait or handler",
}


@once_more
@pytest.mark.timeout(300)
def test_portable(request: pytest.FixtureRequest) -> None:
    run_portable(Path(__file__).parent, SELECTIONS, request.config.rootpath)
