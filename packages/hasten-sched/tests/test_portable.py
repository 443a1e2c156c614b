"""The tests of sleeping once more without the futex."""

from pathlib import Path

import pytest
from portable import run_without_futex

HERE = Path(__file__).parent


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name, selection", [
    ("test_waking.py", "not seconds"),
    ("test_threads.py", "sleeping"),
    ("test_fork_and_exit.py", "sleeps"),
])  # fmt: skip
def test_without_futex(name, selection, request):
    run_without_futex(HERE / name, selection, request.config.rootpath)
