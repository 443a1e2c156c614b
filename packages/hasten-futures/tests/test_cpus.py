"""How many CPUs a process may use: by option, by affinity, and by the quotas of its cgroups.

The quotas stand in a file system that each test makes in a folder of its own.
"""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import pytest

from hasten.futures import _cpus

V1 = "32 31 0:29 {part} {point} rw,relatime shared:9 - cgroup cgroup rw,{controllers}"
V2 = "41 31 0:38 {part} {point} rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate"
DISK = "23 1 254:0 / / rw,relatime - ext4 /dev/root rw"


class Machine:
    """A fake of the files that the kernel shows to a process."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mounts = [DISK]

    def write(self, path: str, text: str) -> None:
        file = Path(f"{self.root}{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def mount(self, line: str, point: str, part: str = "/", controllers: str = "cpu,cpuacct") -> None:
        self.mounts.append(line.format(part=part, point=point, controllers=controllers))
        self.write("/proc/self/mountinfo", "\n".join(self.mounts) + "\n")

    def process_in(self, *lines: str) -> None:
        self.write("/proc/self/cgroup", "\n".join(lines) + "\n")

    def quota(self) -> float:
        return _cpus.cpus_by_quota(str(self.root))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def many_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 CPUs, and no word of the user's about it."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    monkeypatch.delenv("PYTHON_CPU_COUNT", raising=False)
    monkeypatch.delitem(sys._xoptions, "cpu_count", raising=False)


@pytest.fixture
def v2(machine: Machine) -> Machine:
    machine.mount(V2, "/sys/fs/cgroup")
    machine.process_in("0::/user/app")
    return machine


@pytest.fixture
def v1(machine: Machine) -> Machine:
    machine.mount(V1, "/sys/fs/cgroup/memory", controllers="memory")
    machine.mount(V1, "/sys/fs/cgroup/cpu,cpuacct")
    machine.process_in("7:memory:/elsewhere", "4:cpu,cpuacct:/docker/c0ffee", "1:name=systemd:/docker/c0ffee")
    return machine


# ---- version 2 ----


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("1000 100000", 1),
        ("50000 25000\n", 2),
        ("max 100000", math.inf),
        ("", math.inf),
        ("200000", math.inf),
        ("-1 100000", math.inf),
        ("0 100000", math.inf),
        ("200000 0", math.inf),
        ("many few", math.inf),
    ],
)
def test_quota_of_version_2(v2: Machine, text: str, cpus: float) -> None:
    v2.write("/sys/fs/cgroup/user/app/cpu.max", text)
    assert v2.quota() == cpus


def test_the_smallest_quota_up_to_the_root_holds(v2: Machine) -> None:
    v2.write("/sys/fs/cgroup/user/app/cpu.max", "800000 100000")
    v2.write("/sys/fs/cgroup/user/cpu.max", "300000 100000")
    v2.write("/sys/fs/cgroup/cpu.max", "max 100000")
    assert v2.quota() == 3


def test_cgroups_of_others_do_not_count(v2: Machine) -> None:
    v2.write("/sys/fs/cgroup/user/app/cpu.max", "800000 100000")
    v2.write("/sys/fs/cgroup/user/app/child/cpu.max", "100000 100000")
    v2.write("/sys/fs/cgroup/user/other/cpu.max", "100000 100000")
    assert v2.quota() == 8


def test_what_lies_above_the_mount_is_not_asked(v2: Machine) -> None:
    v2.write("/sys/fs/cgroup/user/app/cpu.max", "800000 100000")
    v2.write("/sys/fs/cpu.max", "100000 100000")
    v2.write("/cpu.max", "100000 100000")
    assert v2.quota() == 8


def test_a_cgroup_may_have_no_file(v2: Machine) -> None:
    v2.write("/sys/fs/cgroup/user/cpu.max", "300000 100000")
    assert v2.quota() == 3


def test_in_a_namespace_the_quota_stands_at_the_root_of_the_mount(machine: Machine) -> None:
    machine.mount(V2, "/sys/fs/cgroup")
    machine.process_in("0::/")
    machine.write("/sys/fs/cgroup/cpu.max", "400000 100000")
    assert machine.quota() == 4


@pytest.mark.parametrize("path", ["/../../outside", "/..", "/not/shown/here"])
def test_a_path_outside_of_what_is_mounted(machine: Machine, path: str) -> None:
    machine.mount(V2, "/sys/fs/cgroup", part="/" if ".." in path else "/box")
    machine.process_in(f"0::{path}")
    machine.write("/sys/fs/cgroup/cpu.max", "400000 100000")
    machine.write("/outside/cpu.max", "100000 100000")
    machine.write("/sys/fs/cpu.max", "100000 100000")
    assert machine.quota() == 4


def test_a_part_of_the_tree_is_mounted(machine: Machine) -> None:
    machine.mount(V2, "/sys/fs/cgroup", part="/box")
    machine.process_in("0::/box/app")
    machine.write("/sys/fs/cgroup/app/cpu.max", "200000 100000")
    assert machine.quota() == 2


def test_a_part_of_a_longer_name_is_another_one(machine: Machine) -> None:
    machine.mount(V2, "/sys/fs/cgroup", part="/box")
    machine.process_in("0::/boxes/app")
    machine.write("/sys/fs/cgroup/es/app/cpu.max", "100000 100000")
    machine.write("/sys/fs/cgroup/cpu.max", "400000 100000")
    assert machine.quota() == 4


def test_names_with_spaces_and_colons(machine: Machine) -> None:
    machine.mount(V2, "/my\\040groups")
    machine.process_in("0::/app:1 b")
    machine.write("/my groups/app:1 b/cpu.max", "200000 100000")
    assert machine.quota() == 2


# ---- version 1 ----


@pytest.mark.parametrize(
    ("quota", "period", "cpus"),
    [
        ("200000\n", "100000\n", 2),
        ("250000", "100000", 3),
        ("-1", "100000", math.inf),
        ("200000", "0", math.inf),
        ("200000", "", math.inf),
        ("", "100000", math.inf),
    ],
)
def test_quota_of_version_1(v1: Machine, quota: str, period: str, cpus: float) -> None:
    v1.write("/sys/fs/cgroup/cpu,cpuacct/docker/c0ffee/cpu.cfs_quota_us", quota)
    v1.write("/sys/fs/cgroup/cpu,cpuacct/docker/c0ffee/cpu.cfs_period_us", period)
    assert v1.quota() == cpus


def test_version_1_in_a_container_that_knows_its_path_only(v1: Machine) -> None:
    v1.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000")
    v1.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000")
    assert v1.quota() == 3


def test_only_the_controller_of_cpus_counts(v1: Machine) -> None:
    v1.write("/sys/fs/cgroup/memory/elsewhere/cpu.cfs_quota_us", "100000")
    v1.write("/sys/fs/cgroup/memory/elsewhere/cpu.cfs_period_us", "100000")
    assert v1.quota() == math.inf


def test_both_versions_at_once(v1: Machine) -> None:
    v1.mount(V2, "/sys/fs/cgroup/unified")
    v1.process_in("4:cpu,cpuacct:/a", "0::/b")
    v1.write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "300000")
    v1.write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000")
    assert v1.quota() == 3
    v1.write("/sys/fs/cgroup/unified/b/cpu.max", "200000 100000")
    assert v1.quota() == 2


# ---- what is missing ----


def test_no_proc(machine: Machine) -> None:
    assert machine.quota() == math.inf


def test_no_mounts(machine: Machine) -> None:
    machine.process_in("0::/app")
    assert machine.quota() == math.inf


def test_no_cgroups(machine: Machine) -> None:
    machine.mount(V2, "/sys/fs/cgroup")
    machine.write("/sys/fs/cgroup/cpu.max", "100000 100000")
    assert machine.quota() == math.inf


def test_a_file_that_can_not_be_read(v2: Machine) -> None:
    os.makedirs(f"{v2.root}/sys/fs/cgroup/user/app/cpu.max")
    v2.write("/sys/fs/cgroup/user/cpu.max", "200000 100000")
    assert v2.quota() == 2


# ---- all together ----


def test_the_smaller_of_affinity_and_quota(
    v2: Machine, many_cpus: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _cpus.usable_cpus(str(v2.root)) == 64
    v2.write("/sys/fs/cgroup/cpu.max", "250000 100000")
    assert _cpus.usable_cpus(str(v2.root)) == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5}, raising=False)
    assert _cpus.usable_cpus(str(v2.root)) == 1


def test_a_change_is_seen_at_once(v2: Machine, many_cpus: None) -> None:
    for cpus in (2, 7, 3):
        v2.write("/sys/fs/cgroup/user/app/cpu.max", f"{cpus}00000 100000")
        assert _cpus.usable_cpus(str(v2.root)) == cpus


def test_without_affinity_all_cpus_count(many_cpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pid: int) -> set[int]:
        raise OSError

    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    monkeypatch.setattr(os, "sched_getaffinity", refused, raising=False)
    assert _cpus.cpus_by_affinity() == 12
    monkeypatch.delattr(os, "sched_getaffinity")
    assert _cpus.cpus_by_affinity() == 12
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert _cpus.cpus_by_affinity() == 1


def test_the_users_word_holds(v2: Machine, many_cpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    v2.write("/sys/fs/cgroup/cpu.max", "200000 100000")
    monkeypatch.setenv("PYTHON_CPU_COUNT", "100")
    assert _cpus.usable_cpus(str(v2.root)) == 100
    monkeypatch.setitem(sys._xoptions, "cpu_count", "50")
    assert _cpus.usable_cpus(str(v2.root)) == 50
    monkeypatch.setitem(sys._xoptions, "cpu_count", "default")
    assert _cpus.usable_cpus(str(v2.root)) == 2


@pytest.mark.parametrize("word", ["default", "", "0", "-3", "two"])
def test_a_word_that_is_no_number(
    v2: Machine, many_cpus: None, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setenv("PYTHON_CPU_COUNT", word)
    assert _cpus.usable_cpus(str(v2.root)) == 64


@pytest.mark.parametrize(("cpus", "workers"), [(1, 5), (8, 12), (28, 32), (64, 32)])
def test_default_workers(monkeypatch: pytest.MonkeyPatch, cpus: int, workers: int) -> None:
    monkeypatch.setenv("PYTHON_CPU_COUNT", str(cpus))
    monkeypatch.delitem(sys._xoptions, "cpu_count", raising=False)
    assert _cpus.default_workers() == workers


@pytest.mark.parametrize(
    ("options", "env", "cpus"),
    [
        (["-X", "cpu_count=3"], {}, 3),
        ([], {"PYTHON_CPU_COUNT": "5"}, 5),
        (["-X", "cpu_count=3"], {"PYTHON_CPU_COUNT": "5"}, 3),
    ],
)
def test_options_of_the_interpreter(python, options: list[str], env: dict[str, str], cpus: int) -> None:
    program = "import os; from hasten.futures import _cpus; print(_cpus.usable_cpus())"
    if hasattr(os, "process_cpu_count"):
        program += "; assert os.process_cpu_count() == _cpus.usable_cpus()"
    assert int(python(program, *options, env=env)) == cpus


def test_the_environment_can_be_ignored(python) -> None:
    program = "import os; from hasten.futures import _cpus; print(_cpus.cpus_by_option())"
    assert int(python(program, "-E", env={"PYTHON_CPU_COUNT": "500"})) == 0


def test_this_machine() -> None:
    assert 1 <= _cpus.usable_cpus()
    assert 1 <= _cpus.cpus_by_quota()
