# cython: freethreading_compatible=True
"""What the parent does around a fork()."""

import sys
import threading
from _thread import _count


def only_thread():
    """Whether this process has no thread but the calling one, as far as Python knows."""
    return _count() == 0 and len(threading._active) == 1  # whoever starts another one is among these


class keeping_tracker:
    """While a process is forked by us: 3.15's resource tracker is to stay the child's, too."""

    def __enter__(self):
        tracker = sys.modules.get("multiprocessing.resource_tracker")
        self.intent = getattr(tracker, "_fork_intent", None)
        if self.intent is not None:
            self.intent.preserve_fd = True

    def __exit__(self, *exc_info):
        if self.intent is not None:
            self.intent.preserve_fd = False
