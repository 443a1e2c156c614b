"""Ending a child with all its descendants: kill_tree().

When a process is killed its children are reparented, and their origin is lost.  So no process is killed
before all are known: each process found is stopped (SIGSTOP can't be caught), and the search is repeated
until a round finds no new process and all threads at rest.  A stopped process neither forks nor ends; but
one may be in the middle of a fork when it receives SIGSTOP, hence the check of the threads.  Then all are
killed.  The search terminates however fast they fork: each round stops processes that could, and the number
of pids is limited.

The tree consists of the children of its members, and of the members of process groups and sessions that a
member leads.  The latter finds daemons, whose parent has ended, if the child was started with
start_new_session=True or process_group=0.  A daemon that has made its own session before the search, and
whose parent has ended, can't be found.  Only making this process a subreaper (PR_SET_CHILD_SUBREAPER) would
help, but a library must not decide that for the program.

Pids are reused, pidfds are not.  So a pidfd is opened first, then the start time is compared with that of the
process found, and all signals are sent through the pidfd.  Without pidfds the start time is compared before
each signal; since a stopped process does not end by itself, this fails only if a third party kills it at
that moment.
"""

import os
import signal
from time import monotonic, sleep
from typing import NamedTuple

from hasten.subprocess._descriptors import Pidfd
from hasten.subprocess._tree_members import Member, search_and_kill

PATIENCE = 0.5  # seconds to wait for the stopped processes; one in an uninterruptible sleep may never stop
AT_REST = frozenset("TtZXx")  # stopped, traced, ended
_portable = os.environ.get("HASTEN_PORTABLE") == "1" or not hasattr(os, "pidfd_open")


class Process(NamedTuple):
    """The fields of /proc/PID/stat that are needed."""

    state: str
    parent: int
    group: int
    session: int
    threads: int
    started: int


class Tree:
    """The processes found so far, by pid; all of them have been sent SIGSTOP."""

    def __init__(self):
        self.members = {}

    def gather(self, child):
        """Find and stop a child of this process, and all its descendants."""
        if not has_proc():
            kill_group(child)
            return
        found = look_at(child)
        if found is None or found.parent != os.getpid():
            return  # other code has reaped it
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
        """Add a process and stop it; False if its pid was reused."""
        member = Member(pid, found.started, pidfd_of(pid), is_there)
        if not is_still(member, look_at(pid)):
            member.close()
            return False
        self.members[pid] = member
        member.send(signal.SIGSTOP)
        return True

    def grow(self, processes):
        """Add new members of the tree; whether there were any."""
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

    popen: a Popen.  Does nothing once its end is known, since its descendants can't be determined then.

    Descendants are the children of members of the tree, and the members of process groups and sessions that
    a member leads; not a process with its own session whose parent has ended.  They are stopped first and
    then killed; a process that has reused a pid is never signalled.  Processes of other users, which we may
    not signal, survive.  Without /proc the child's process group is killed if it leads one, else the child.

    Does not wait for their ends.  Blocks for some milliseconds, longer for thousands of processes, and up to
    half a second more if a process can't be stopped.  Thread-safe.  OSError if /proc can't be read, for
    instance without free descriptors; the child and all processes found so far are killed then.
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
    """Whether /proc is mounted, and for the pid namespace of this process."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def pidfd_of(pid):
    """A Pidfd of the process, or None if that is not possible."""
    if _portable:
        return None
    try:
        pidfd = Pidfd(pid)
        Pidfd(pid).close()  # leave one free descriptor for reading /proc
    except OSError:  # too few free descriptors; the process has ended; the kernel is too old
        return None
    return pidfd


def is_still(member, found):
    """Whether the process found under the member's pid is the member."""
    return found is not None and found.started == member.started


def is_there(member):
    """Whether the member's pid still refers to it."""
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
    """A Process for every pid, except this process's."""
    found = {int(name): look_at(name) for name in os.listdir("/proc") if name.isdigit()}
    return {pid: process for pid, process in found.items() if process is not None and pid != os.getpid()}


def look_at(pid):
    """The Process of a pid, or of a thread, "PID/task/TID"; None if it is gone, or not visible."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            line = file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # The name, in parentheses, may contain anything
    fields = line[line.rindex(b")") + 2 :].split()
    numbers = map(int, (fields[1], fields[2], fields[3], fields[17], fields[19]))
    return Process(fields[0].decode(), *numbers)
