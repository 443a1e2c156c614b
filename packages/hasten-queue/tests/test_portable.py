"""The tests of waiting once more without the futex."""

from pathlib import Path

import pytest
from support.portable import once_more, run_portable

SELECTIONS = {
    "test_blocking.py": "hasten and not timeouts",
    "test_signals.py": "not finalizer and not crash",
    "test_fork_and_exit.py": "fork or sleep",
    "test_races.py": "Queue and block or simple",
}


@once_more
@pytest.mark.timeout(300)
def test_portable(request):
    run_portable(Path(__file__).parent, SELECTIONS, request.config.rootpath)
