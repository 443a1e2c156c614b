"""The number of CPUs that this process can keep busy, by its affinity mask and its cgroup quotas.

A container with a quota of two CPUs on a machine of 64 sees all 64, and its affinity mask allows all of them.
The quota is in the cgroup file system.  Every cgroup from the process's own up to the root of the mount may
have one, and the smallest applies.  There are two layouts, and a machine may have both:

    version 2    one tree, mounted as `cgroup2`        cpu.max: "200000 100000", or "max 100000"
    version 1    a tree per controller, one with `cpu` cpu.cfs_quota_us: "200000" or "-1"; cpu.cfs_period_us

/proc/self/cgroup has the process's path in each tree; /proc/self/mountinfo tells where the tree is mounted
and which part of it.  A container often sees only its own cgroup and those below it, under a path that does
not exist in the container; then the quota is at the root of the mount.

Nothing is cached: affinity and quotas may change while the program runs.
"""

from __future__ import annotations

import math
import os
import sys

MOST_WORKERS = 32  # the largest default: more threads rarely help, and use memory


def default_workers() -> int:
    """The default number of threads of a pool: more than CPUs, since threads often wait for I/O."""
    return min(MOST_WORKERS, usable_cpus() + 4)


def usable_cpus(root: str = "") -> int:
    """The number of CPUs that this process can keep busy; at least 1.

    PYTHON_CPU_COUNT or -X cpu_count takes precedence, on every version of Python.  root: a prefix of the
    paths of system files.
    """
    return cpus_by_option() or max(1, int(min(cpus_by_affinity(), cpus_by_quota(root))))


def cpus_by_option() -> int:
    """The number of -X cpu_count=N, or else of PYTHON_CPU_COUNT; 0 if there is none."""
    value = sys._xoptions.get("cpu_count")
    if value is None and not sys.flags.ignore_environment:
        value = os.environ.get("PYTHON_CPU_COUNT")
    # "default" stands for neither, and without a value the option is True
    return int(value) if isinstance(value, str) and value.isdecimal() else 0


def cpus_by_affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        try:
            return len(os.sched_getaffinity(0))
        except OSError:  # more CPUs than the call supports, or forbidden by a sandbox
            pass
    return os.cpu_count() or 1


def cpus_by_quota(root: str = "") -> float:
    """The smallest quota, rounded up to whole CPUs; infinity if there is none, or none can be read."""
    quota = math.inf
    for version, folder, top in cpu_cgroups(root):
        read = quota_v2 if version == 2 else quota_v1
        while True:
            quota = min(quota, read(folder))
            if folder == top:
                break
            folder = os.path.dirname(folder)
    return quota if quota == math.inf else math.ceil(quota)


def cpu_cgroups(root: str) -> list[tuple[int, str, str]]:
    """The process's cgroups that may limit its CPUs: version, folder, and where its tree is mounted."""
    paths: dict[int, str] = {}
    for line in text_of(root + "/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            paths[2] = path
        elif "cpu" in controllers.split(","):
            paths[1] = path
    found = []
    for version, part, point in cpu_mounts(root) if paths else ():
        if version in paths:
            found.append((version, point + below(part, paths[version]), point))
    return found


def cpu_mounts(root: str) -> list[tuple[int, str, str]]:
    """The mounts of cgroup trees that may limit CPUs: version, which part of the tree, and where it is."""
    found = []
    for line in text_of(root + "/proc/self/mountinfo").splitlines():
        if " - cgroup" not in line:
            continue
        mount, _, kind = line.partition(" - ")
        part, point = map(unescaped, mount.split(" ")[3:5])
        system, _, options = kind.split(" ", 2)
        if system == "cgroup2":
            found.append((2, part, root + point))
        elif system == "cgroup" and "cpu" in options.split(","):
            found.append((1, part, root + point))
    return found


def below(part: str, path: str) -> str:
    """The path of a cgroup within a mount that shows *part* of the tree; empty if it is elsewhere."""
    part = part.rstrip("/")
    if path.startswith(part + "/") and "/../" not in path + "/":
        return path[len(part) :].rstrip("/")
    return ""


def quota_v2(folder: str) -> float:
    words = text_of(folder + "/cpu.max").split()
    return quotient(words[0], words[1]) if len(words) == 2 else math.inf


def quota_v1(folder: str) -> float:
    quota = text_of(folder + "/cpu.cfs_quota_us")
    return quotient(quota, text_of(folder + "/cpu.cfs_period_us")) if quota else math.inf


def quotient(quota: str, period: str) -> float:
    """quota / period, both in microseconds; infinity if one is no positive number ("max", "-1")."""
    quota, period = quota.strip(), period.strip()
    if quota.isdecimal() and period.isdecimal() and int(quota) and int(period):
        return int(quota) / int(period)
    return math.inf


def text_of(path: str) -> str:
    """The text of a file; "" if it is missing or can't be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            return os.fsdecode(file.read())
    except OSError:
        return ""


def unescaped(path: str) -> str:
    """A path of mountinfo, where a space is written as \\040."""
    if "\\" not in path:
        return path
    import re  # here: such a path is rare

    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), path)
