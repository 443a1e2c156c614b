"""What all tests under tests/ share: none may leave anything behind."""

from leftovers import nothing_left_at_the_end, nothing_left_behind  # noqa: F401
