"""What all tests under tests/ share: none may leave anything behind."""

import interruptible  # noqa: F401
from leftovers import nothing_left_at_the_end, nothing_left_behind  # noqa: F401
