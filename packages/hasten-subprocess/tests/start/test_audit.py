"""Audit events, seen by a hook in a program of its own."""

import pytest

HOOK = """
import os, sys
import {module} as subprocess
seen = []
def hook(event, args):
    if event in ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.system"):
        seen.append((event, args))
sys.addaudithook(hook)
"""


def events(impl, python, program):
    """What the hook has seen of the starts in *program*."""
    lines = HOOK.format(module=impl.__name__) + program + "\nprint(repr(seen))\n"
    found = eval(python(lines))
    return [args for event, args in found if event == "subprocess.Popen"]


@pytest.mark.parametrize("call, expected", [
    ('subprocess.run(["true"])', ("true", ["true"], None, None)),
    ('subprocess.run("true")', ("true", ["true"], None, None)),
    ('subprocess.run(("true", "a"), cwd="/", env={"A": "b"})', ("true", ["true", "a"], "/", {"A": "b"})),
    ('subprocess.run(["x"], executable="/bin/true")', ("/bin/true", ["x"], None, None)),
    ('subprocess.run("exit 3", shell=True)', ("/bin/sh", ["/bin/sh", "-c", "exit 3"], None, None)),
    ('subprocess.run(["true", "a"], shell=True)', ("/bin/sh", ["/bin/sh", "-c", "true", "a"], None, None)),
    ('subprocess.Popen(["true"], preexec_fn=int).wait()', ("true", ["true"], None, None)),
    ('subprocess.check_output(["true"])', ("true", ["true"], None, None)),
    ('subprocess.getoutput("true")', ("/bin/sh", ["/bin/sh", "-c", "true"], None, None)),
])  # fmt: skip
def test_one_event_for_each_start(impl, python, call, expected):
    assert events(impl, python, call) == [expected]


def test_an_event_before_a_start_that_fails(impl, python):
    program = """
try:
    subprocess.run(["no-such-program"])
except FileNotFoundError:
    pass
"""
    assert events(impl, python, program) == [("no-such-program", ["no-such-program"], None, None)]


@pytest.mark.parametrize("options", ["", "preexec_fn=int", "stdout=subprocess.PIPE", "user=0"])
def test_a_hook_can_forbid_it(impl, python, options):
    """Nothing is started and nothing left open."""
    program = f"""
import os, sys
import {impl.__name__} as subprocess
def hook(event, args):
    if event == "subprocess.Popen":
        raise PermissionError("not here")
sys.addaudithook(hook)
before = os.listdir("/proc/self/fd")
try:
    subprocess.Popen(["touch", "/no/such/file"], {options})
except PermissionError as error:
    print(error)
print(os.listdir("/proc/self/fd") == before)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child")
"""
    assert python(program) == "not here\nTrue\nno child\n"
