"""Ctrl-C works in the tests, and in the programs they start, even if the run was put into the background.

A shell's `&` leaves SIGINT ignored, and that is inherited: what tests an interrupt would wait for ever.
The import of this puts it right.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
