# cython: freethreading_compatible=True
"""The processes of a tree that is to be killed: stopping and killing them without interruption.

Invariant: a process is in the list before it is stopped, and all processes in the list are killed, however
the search ends.  Compiled, since in Python code a signal handler, a debugger or a tracing function may raise
between any two lines.
"""

import os as _os
import signal as _signal

from hasten.subprocess._supervised import insist

cdef object send_by_pidfd = getattr(_signal, "pidfd_send_signal", None)


cdef class Member:
    """Member(pid, started, pidfd, is_still_there)
--

    A process of the tree.

    started: its start time, which distinguishes it from a later process with the same pid.  pidfd: a Pidfd,
    or None.  is_still_there(member): whether its pid still refers to it; used without a pidfd.
    """

    cdef readonly object pid, started
    cdef readonly bint deaf  # we may not signal it, so it does not stop
    cdef object pidfd, is_still_there

    def __init__(self, pid, started, pidfd, is_still_there):
        self.pid, self.started, self.pidfd, self.is_still_there = pid, started, pidfd, is_still_there

    def send(self, number):
        """Send a signal, unless the process has ended."""
        try:
            if self.pidfd is not None:
                send_by_pidfd(self.pidfd.fileno(), number)
            elif self.is_still_there(self):
                _os.kill(self.pid, number)
        except ProcessLookupError:
            return
        except PermissionError:
            self.deaf = True

    def close(self):
        """Close the pidfd."""
        pidfd, self.pidfd = self.pidfd, None
        if pidfd is not None:
            pidfd.close()


def kill_members(dict members):
    """Kill all of them, whatever is raised meanwhile; the first exception is raised at the end.

    members: Member by pid.
    """
    first = None
    for member in list(members.values()):
        try:
            insist(member.send, _signal.SIGKILL)
        except BaseException as error:
            first = first or error
        member.close()
    if first is not None:
        raise first


def search_and_kill(search, dict members, popen):
    """Call search(), which fills *members* and stops them; then kill them, and the child itself.

    However the search ends, no process is left stopped.
    """
    try:
        search()
    finally:
        try:
            kill_members(members)
        finally:
            insist(popen.kill)
