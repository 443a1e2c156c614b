"""The tests of sleeping once more without the futex."""

from pathlib import Path

import pytest
from support.portable import once_more, run_portable

SELECTIONS = {
    "test_waking.py": "not seconds",
    "test_threads.py": "sleeping",
    "test_fork_and_exit.py": "sleeps",
}


@once_more
@pytest.mark.timeout(300)
def test_portable(request):
    run_portable(Path(__file__).parent, SELECTIONS, request.config.rootpath)
