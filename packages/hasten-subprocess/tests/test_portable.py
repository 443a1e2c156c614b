"""The tests once more by the portable ways of starting and waiting."""

from pathlib import Path

import pytest
from support.portable import once_more, run_portable

NAMES = [
    "test_abandoned.py",
    "test_close_fds.py",
    "test_command.py",
    "test_communicate.py",
    "test_communicate_timeout.py",
    "test_end_of_child.py",
    "test_environment.py",
    "test_interrupt.py",
    "test_kill_tree_use.py",
    "test_out_of_descriptors.py",
    "test_preexec.py",
    "test_races.py",
    "test_run.py",
    "test_streams.py",
    "test_wait_any_use.py",
    "test_who_the_child_is.py",
    "test_wrong_types.py",
]


@once_more
@pytest.mark.timeout(300)
def test_portable(request):
    run_portable(Path(__file__).parent, dict.fromkeys(NAMES, "not stdlib"), request.config.rootpath)
