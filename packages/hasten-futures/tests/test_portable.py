"""The tests of waiting once more without the futex."""

from pathlib import Path

import pytest
from support.portable import once_more, run_portable

SELECTIONS = {
    "test_future_timeouts.py": "hasten",
    "test_future_signals.py": "hasten and (handler or signals or ctrl)",
    "test_wait_races.py": "hasten",
    "test_pool_workers.py": "hasten and (idle or blocked or enough)",
    "test_pool_shutdown_timeout.py": "over or again",
    "test_pool_fork.py": "child or others or worker",
    "test_stress.py": "stress",
}


@once_more
@pytest.mark.timeout(300)
def test_portable(request):
    run_portable(Path(__file__).parent, SELECTIONS, request.config.rootpath)
