"""The tests once more without futexes, memfds and pidfds."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.portable import once_more, run_portable

SELECTIONS = {
    "test_locks.py": "hasten or ours or owner",
    "test_lock_owner.py": "kill or next or zombie",
    "test_condition_processes.py": "hasten or kill",
    "test_event_processes.py": "hasten or kill",
    "test_barrier_processes.py": "hasten or kill",
    "test_sync_sending.py": "child",
    "test_sync_signals.py": "wait or handler",
    "test_fork_with_threads.py": "not stdlib",
    "test_process.py": "not stdlib",
    "test_queues.py": "not stdlib",
    "test_sharedctypes.py": "not stdlib",
}


@once_more
@pytest.mark.timeout(300)
def test_portable(request: pytest.FixtureRequest) -> None:
    run_portable(Path(__file__).parent, SELECTIONS, request.config.rootpath)
