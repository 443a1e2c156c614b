"""The tests of waiting once more without the futex."""

from pathlib import Path

import pytest
from portable import run_without_futex

HERE = Path(__file__).parent


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name, selection", [
    ("test_barrier.py", "hasten or action or generation"),
    ("test_condition.py", "hasten"),
    ("test_event.py", "hasten or sleep"),
    ("test_semaphore.py", "hasten or sleep"),
    ("test_wait_signals.py", "handler or interrupt or keyboard"),
    ("test_fork_in_wait.py", "fork or child"),
    ("test_stress.py", "stress"),
])  # fmt: skip
def test_without_futex(name, selection, request):
    run_without_futex(HERE / name, selection, request.config.rootpath)
