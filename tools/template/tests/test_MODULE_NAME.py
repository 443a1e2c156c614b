import math
import time

import pytest

from hasten import MODULE_NAME


def test_now_is_the_monotonic_clock():
    before = time.monotonic_ns()
    now = MODULE_NAME.now()
    assert before <= now <= time.monotonic_ns()


def test_a_deadline_lies_its_seconds_ahead():
    before = MODULE_NAME.now()
    deadline = MODULE_NAME.deadline_after(1.5)
    assert before + 1_500_000_000 <= deadline <= MODULE_NAME.now() + 1_500_000_000


def test_a_deadline_of_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        MODULE_NAME.deadline_after(math.nan)
