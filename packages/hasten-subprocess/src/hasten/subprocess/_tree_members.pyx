# cython: freethreading_compatible=True
"""The processes of a tree that is to be killed, and the step that nothing comes between: stop, then kill.

Who has been stopped is in the list before that, and who is in the list is killed, whatever ends the search.
Compiled, because a signal handler, a debugger or a tracing function may raise between two lines of Python.
"""

import os as _os
import signal as _signal

from hasten.subprocess._supervised import insist

cdef object send_by_pidfd = getattr(_signal, "pidfd_send_signal", None)


cdef class Member:
    """Member(pid, started, pidfd, is_still_there)
--

    A process of the tree.

    started: its start time, which tells it from another one that gets its number.  pidfd: a Pidfd, or None.
    is_still_there: tells of a member whether its number still means it; asked where there is no pidfd.
    """

    cdef readonly object pid, started
    cdef readonly bint deaf  # not ours to signal, so it will not stop
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
    """Kill all of them, whatever is raised meanwhile: the first of that is raised at the end.

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

    However the search ends, nobody is left stopped.
    """
    try:
        search()
    finally:
        try:
            kill_members(members)
        finally:
            insist(popen.kill)
