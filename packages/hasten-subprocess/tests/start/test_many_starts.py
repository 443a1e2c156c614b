"""Thousands of children: no zombie, descriptor, thread or memory stays.  HASTEN_LONG=1 makes it 10,000."""

import gc
import os
import sysconfig

import psutil
import pytest
from support.children import children_left, descriptors_of, needs_proc

import hasten.subprocess as ours

pytestmark = needs_proc
LONG = bool(os.environ.get("HASTEN_LONG"))
STARTS = 10_000 if LONG else 1_000
SLACK = 4 << 20  # bytes: what an allocator may keep


def fail():
    with pytest.raises(FileNotFoundError):
        ours.run(["no-such-program"], stdout=ours.PIPE)


def expire():
    with pytest.raises(ours.TimeoutExpired):
        ours.run(["sleep", "1000"], stdout=ours.PIPE, timeout=0)


ACTIONS = {
    "run": lambda: ours.run(["true"]),
    "run with output": lambda: ours.run(["echo", "a"], capture_output=True),
    "run with input": lambda: ours.run(["true"], input=b"x" * 1000, stdout=ours.PIPE, timeout=30),
    "Popen and wait": lambda: ours.Popen(["true"], env={"A": "b"}, cwd="/").wait(30),
    "text": lambda: ours.run(["echo", "a"], stdout=ours.PIPE, text=True, stderr=ours.STDOUT),
    "failure": fail,
    "timeout": expire,
}


@pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer keeps what is freed"
)
@pytest.mark.timeout(900)
@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_stays(action):
    act = ACTIONS[action]
    for _ in range(STARTS // 10):
        act()
    gc.collect()
    me = psutil.Process()
    before = descriptors_of(me.pid), me.num_threads(), me.memory_info().rss
    for _ in range(STARTS):
        act()
    gc.collect()
    assert (descriptors_of(me.pid), me.num_threads()) == before[:2]
    assert me.memory_info().rss - before[2] < SLACK
    assert children_left() == []


@pytest.mark.parametrize("count", [300])
def test_many_at_once(impl, count):
    """All of them alive together."""
    children = [impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE) for _ in range(count)]
    for number, child in enumerate(children):
        child.stdin.write(b"%d" % number)
        child.stdin.close()
    for number, child in enumerate(children):
        with child:
            assert child.stdout.read() == b"%d" % number
    assert {child.returncode for child in children} == {0}


def test_objects_are_freed():
    """Counts of objects after many children are those after a few."""
    for count in 5, 100:
        for _ in range(count):
            ours.run(["cat"], input=b"x", capture_output=True)
        gc.collect()
        counted = len(gc.get_objects())
        if count == 5:
            before = counted
    assert counted - before < 50


def test_a_large_output_is_held_once():
    """Not in pieces and joined besides.  Without a GIL mimalloc copies to grow, and keeps the old a while."""
    most = 2.5 if sysconfig.get_config_var("Py_GIL_DISABLED") else 1.6
    size = 64 << 20
    program = f"head -c {size} /dev/zero"
    peak = os.path.exists("/proc/self/clear_refs")
    if not peak or not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("the peak of memory cannot be reset here")
    with open("/proc/self/clear_refs", "w") as reset:
        reset.write("5")
    before = psutil.Process().memory_info().rss
    out = ours.check_output(["sh", "-c", program])
    with open("/proc/self/status") as status:
        highest = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    assert len(out) == size
    assert highest - before < size * most
