"""Ending a child with all its descendants: kill_tree().

A process that is killed leaves its children to init, and nothing tells any more whose they were.  So
nobody is killed before all are known: each process found is stopped (SIGSTOP can't be caught), and the
search goes on until a round finds nobody new and everybody stopped.  One that is stopped neither forks nor
ends.  Then all are killed.  A stopped process may still be in the middle of a fork when it is told to
stop; that is why a round counts only if it sees all threads at rest.  However fast they fork, the search
ends: each round that finds somebody leaves fewer who can, and there are only so many pids.

Who belongs to the tree: the children of those who do, and the members of a process group or session that one
of them leads.  The latter finds daemons, whose parent is gone, if the child was started with
start_new_session=True or process_group=0.  A daemon that has left for a session of its own, before anybody
looked, and whose parent has ended is out of reach.  Only making this process the reaper of all orphans
(PR_SET_CHILD_SUBREAPER) would help, and then a library would take over what belongs to the program.

Numbers are reused.  A pidfd is not: it is opened first, then the start time is compared with that of the
process that was found, and all signals go through it.  Where there are no pidfds, the start time is compared
before each signal; as a stopped process does not end by itself, this fails only if a third party kills it at
that moment.
"""

import os
import signal
from time import monotonic, sleep
from typing import NamedTuple

from hasten.subprocess._descriptors import Pidfd
from hasten.subprocess._tree_members import Member, search_and_kill

PATIENCE = 0.5  # seconds for those found to come to rest; one that waits for a dead disk never does
AT_REST = frozenset("TtZXx")  # stopped, traced, ended
_portable = os.environ.get("HASTEN_PORTABLE") == "1" or not hasattr(os, "pidfd_open")


class Process(NamedTuple):
    """What the kernel says of a process."""

    state: str
    parent: int
    group: int
    session: int
    threads: int
    started: int


class Tree:
    """The processes found so far; whoever is in it has been stopped."""

    def __init__(self):
        self.members = {}

    def gather(self, child):
        """Find and stop a child of this process, and all its descendants."""
        if not has_proc():
            kill_group(child)
            return
        found = look_at(child)
        if found is None or found.parent != os.getpid():
            return  # something else has waited for it
        self.add(child, found)
        end = monotonic() + PATIENCE
        while True:
            processes = all_processes()
            if self.grow(processes):
                end = monotonic() + PATIENCE
            elif self.is_at_rest(processes) or monotonic() >= end:
                return
            else:
                sleep(0.001)

    def add(self, pid, found):
        """Stop a process and take it in; False if its number means another one by now."""
        member = Member(pid, found.started, pidfd_of(pid), is_there)
        if not is_still(member, look_at(pid)):
            member.close()
            return False
        self.members[pid] = member
        member.send(signal.SIGSTOP)
        return True

    def grow(self, processes):
        """Add who belongs to the tree; whether there was anybody new."""
        known = {pid for pid, member in self.members.items() if is_still(member, processes.get(pid))}
        others = {pid: found for pid, found in processes.items() if pid not in self.members}
        before = len(self.members)
        while True:
            new = [
                pid
                for pid, found in others.items()
                if not known.isdisjoint((found.parent, found.group, found.session))
            ]
            if not new:
                return len(self.members) > before
            for pid in new:
                if self.add(pid, others.pop(pid)):
                    known.add(pid)

    def is_at_rest(self, processes):
        return all(
            member.deaf or not is_still(member, processes.get(pid)) or is_at_rest(pid, processes[pid])
            for pid, member in self.members.items()
        )


def kill_tree(popen):
    """Kill a child with all its descendants.

    popen: a Popen.  Nothing happens once its end is known, as nothing tells then who its descendants were.

    Descendants are the children's children and so on, and whoever is in a process group or session that one
    of them leads; not one whose parent has ended and which has a session of its own.  They are
    stopped first and then killed, none of them in place of a process that has got its number.  Those of other
    users, which we may not signal, live on.  Without a /proc folder the child's process group is killed if it
    leads one, else the child alone.

    Does not wait for the ends: wait() for the child's is soon over.  Blocks for some milliseconds, longer
    for thousands of processes; half a second more at most when some process can't be stopped.  May be
    called from any thread.  Raises OSError if /proc can't be read, as when there are no descriptors left;
    the child and all found so far are killed then.
    """
    if popen.returncode is not None:
        return
    tree = Tree()
    search_and_kill(lambda: tree.gather(popen.pid), tree.members, popen)


def kill_group(child):
    """Kill the process group that the child leads, if it does."""
    try:
        if os.getpgid(child) == child:
            os.killpg(child, signal.SIGKILL)
    except OSError:
        return  # it has ended


def has_proc():
    """Whether /proc tells of the processes as this one sees them."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def pidfd_of(pid):
    """A Pidfd of the process, or None: then there is nothing but its number."""
    if _portable:
        return None
    try:
        pidfd = Pidfd(pid)
        Pidfd(pid).close()  # one must be left, to read /proc with
    except OSError:  # that was the last one, or there was none; the process has ended; the kernel is too old
        return None
    return pidfd


def is_still(member, found):
    """Whether what was found under the member's number is the member."""
    return found is not None and found.started == member.started


def is_there(member):
    """Whether the member's number still means it."""
    return is_still(member, look_at(member.pid))


def is_at_rest(pid, found):
    """Whether no thread of the process runs."""
    if found.threads == 1:
        return found.state in AT_REST
    try:
        threads = [look_at(f"{pid}/task/{thread}") for thread in os.listdir(f"/proc/{pid}/task")]
    except FileNotFoundError:
        return True
    return all(thread is None or thread.state in AT_REST for thread in threads)


def all_processes():
    """What /proc says of every process, by pid; but for this one, which belongs to no tree of its own."""
    found = {int(name): look_at(name) for name in os.listdir("/proc") if name.isdigit()}
    return {pid: process for pid, process in found.items() if process is not None and pid != os.getpid()}


def look_at(pid):
    """What /proc says of a process, or of a thread, "PID/task/TID"; None if it is gone, or hidden from us."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            line = file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # The name, in parentheses, may contain anything
    fields = line[line.rindex(b")") + 2 :].split()
    numbers = map(int, (fields[1], fields[2], fields[3], fields[17], fields[19]))
    return Process(fields[0].decode(), *numbers)
