"""Locks, handles and starts once more on the portable parking, which stands in where there is no futex."""

from pathlib import Path

import pytest
from support.portable import once_more, run_portable

NAMES = [
    "test_locks.py",
    "test_handles.py",
    "test_start.py",
]


@once_more
@pytest.mark.timeout(300)
def test_portable(request):
    run_portable(Path(__file__).parent, dict.fromkeys(NAMES, "not stdlib"), request.config.rootpath)
