"""No test here may leave a thread, process, descriptor or shared memory block behind."""

import interruptible  # noqa: F401
from leftovers import nothing_left_at_the_end, nothing_left_behind  # noqa: F401
from tasks import python  # noqa: F401
