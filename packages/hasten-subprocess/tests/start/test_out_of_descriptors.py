"""No descriptors left, at any moment of a start: an error, and nothing stays open."""

import pytest
from support.children import needs_proc

pytestmark = needs_proc

# Opens what is free but for `free` descriptors, then starts a child with three pipes
PROGRAM = """
import errno, os, resource, sys
import {module} as subprocess
subprocess.run(["true"], {options})  # what a first start imports and opens is open from here on
resource.setrlimit(resource.RLIMIT_NOFILE, (60, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
def count():
    return len(os.listdir("/proc/self/fd"))
before = count()
started = []
for free in range(20):
    hold = []
    try:
        while True:
            hold.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for _ in range(min(free, len(hold))):
        os.close(hold.pop())
    child = None
    try:
        child = subprocess.Popen(["cat"], {options})
    except OSError as error:
        assert error.errno == errno.EMFILE, error
        assert error.filename in (None, "/dev/null"), error
    for fd in hold:
        os.close(fd)
    started.append(child is not None)
    if child is not None:
        child.kill()
        with child:
            pass
        del child
    assert count() == before, (free, count(), before)
    try:
        os.waitpid(-1, os.WNOHANG)
        print("a child is left", free)
    except ChildProcessError:
        pass
assert not started[0] and started[-1] and started == sorted(started), started
print("done")
"""


@pytest.mark.since(3, 11)
@pytest.mark.parametrize("options", [
    "stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE",
    "stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT",
    "stdout=subprocess.PIPE, preexec_fn=int",
    "stdin=subprocess.PIPE, text=True",
])  # fmt: skip
def test_counted(impl, python, options):
    assert python(PROGRAM.format(module=impl.__name__, options=options)) == "done\n"


def test_a_wait_with_a_timeout_needs_none(impl, python):
    """The descriptor that tells the end early is a help only."""
    program = f"""
import os, resource
import {impl.__name__} as subprocess
child = subprocess.Popen(["sleep", "0.2"])
long = subprocess.Popen(["sleep", "1000"])
resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
try:
    long.wait(timeout=0.05)
except subprocess.TimeoutExpired:
    print("expired")
print(child.wait(timeout=30))
long.kill()
print(long.wait(timeout=30))
"""
    assert python(program) == "expired\n0\n-9\n"


def test_no_processes_left(impl, python):
    """EAGAIN of fork(): counted against the limit of a user of its own."""
    program = f"""
import os, resource
import {impl.__name__} as subprocess
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(54321); os.setuid(54321)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
before = len(os.listdir("/proc/self/fd"))
for options in dict(), dict(preexec_fn=int), dict(stdout=subprocess.PIPE, stdin=subprocess.PIPE):
    try:
        subprocess.Popen(["true"], **options)
        print("started")
    except BlockingIOError as error:
        print(error.errno, error.filename)
print(len(os.listdir("/proc/self/fd")) == before)
"""
    said = python(program).splitlines()
    if said[0] == "started":
        pytest.skip("the limit does not hold here")
    assert said == ["11 None"] * 3 + ["True"]
