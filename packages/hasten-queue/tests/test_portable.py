"""The tests of waiting once more without the futex."""

from pathlib import Path

import pytest
from portable import run_without_futex

HERE = Path(__file__).parent


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name, selection", [
    ("test_blocking.py", "hasten and not timeouts"),
    ("test_signals.py", "not finalizer and not crash"),
    ("test_fork_and_exit.py", "fork or sleep"),
    ("test_races.py", "Queue and block or simple"),
])  # fmt: skip
def test_without_futex(name, selection, request):
    run_without_futex(HERE / name, selection, request.config.rootpath)
