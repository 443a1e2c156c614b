"""The tests of waiting once more without the futex."""

from pathlib import Path

import pytest
from support.portable import once_more, run_portable

SELECTIONS = {
    "test_barrier.py": "hasten or action or generation",
    "test_condition.py": "hasten",
    "test_event.py": "hasten or sleep",
    "test_semaphore.py": "hasten or sleep",
    "test_wait_signals.py": "handler or interrupt or keyboard",
    "test_fork_in_wait.py": "fork or child",
    "test_stress.py": "stress",
}


@once_more
@pytest.mark.timeout(300)
def test_portable(request):
    run_portable(Path(__file__).parent, SELECTIONS, request.config.rootpath)
