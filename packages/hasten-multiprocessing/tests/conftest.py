"""No test here may leave a thread, process, descriptor or shared memory block behind."""

from leftovers import nothing_left_at_the_end, nothing_left_behind  # noqa: F401
