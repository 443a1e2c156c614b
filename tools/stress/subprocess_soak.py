"""A long run over everything `subprocess` does, to see that it leaves no zombie, open file or memory behind.

A hundred operations are taken for one start. After each turn no descriptor may be open that was not open
before, and no child of this process may be left, alive or ended.
"""

from __future__ import annotations

import os
import time
import warnings
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, Callable

from bench.cases import expect

from stress.soaking import in_turns

START = 100  # operations
PATIENCE = 30  # seconds
TEXT = "one line\nand another\n"


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def children() -> set[str]:
    """The process ids of this process's children, alive or ended."""
    found: set[str] = set()
    for told in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # a thread that has ended
            found.update(told.read_text().split())
    return found


def clean(kind: Callable[[Any], None]) -> Callable[[Any, int], int]:
    """The kind as often as fits, and what it left behind, as an error. Each call of it starts one child."""

    @wraps(kind)
    def turn(module: Any, count: int) -> int:
        before = descriptors(), children()
        for _ in range(count // START):
            kind(module)
        left = descriptors() - before[0]
        # The listing itself needs a descriptor, which has another number when others were opened and closed.
        left = {number for number in left if os.path.exists(f"/proc/self/fd/{number}")}
        expect(not left, f"{kind.__name__}: descriptors {', '.join(sorted(left))} are left open")
        orphans = children() - before[1]
        expect(not orphans, f"{kind.__name__}: a child is left: process {', '.join(sorted(orphans))}")
        return count // START * START

    return turn


@clean
def run(module: Any) -> None:
    expect(module.run(["true"]).returncode == 0, "true failed")


@clean
def captured(module: Any) -> None:
    done = module.run(["cat"], input=TEXT, capture_output=True, text=True, env={"PATH": os.defpath})
    expect((done.stdout, done.stderr) == (TEXT, ""), "another output")


@clean
def fed(module: Any) -> None:
    """More than a pipe holds, both ways."""
    data = TEXT.encode() * 10_000
    with module.Popen(["cat"], stdin=module.PIPE, stdout=module.PIPE) as child:
        expect(child.communicate(data)[0] == data, "another output")


@clean
def timed_out(module: Any) -> None:
    """Killed in run(), after the time is up."""
    try:
        module.run(["sleep", "60"], timeout=0.002, capture_output=True)
    except module.TimeoutExpired:
        return
    expect(False, "sleep 60 was over in no time")


@clean
def put_off(module: Any) -> None:
    """A communicate() whose time is up, and another one for the rest."""
    child = module.Popen(["cat"], stdin=module.PIPE, stdout=module.PIPE, text=True)
    try:
        child.communicate(timeout=0)
    except module.TimeoutExpired:
        expect(child.returncode is None, "cat ended before its input did")
    expect(child.communicate(timeout=PATIENCE)[0] == "" and child.returncode == 0, "cat printed something")


@clean
def ended(module: Any) -> None:
    """Asked to end in each way, looked at with poll()."""
    for end in (module.Popen.terminate, module.Popen.kill):
        child = module.Popen(["sleep", "60"], start_new_session=True)
        expect(child.poll() is None, "sleep 60 was over in no time")
        end(child)
        expect(child.wait(timeout=PATIENCE) < 0, "a killed child ended by itself")


def fail() -> None:
    raise LookupError("planted")


@clean
def refused(module: Any) -> None:
    """Starts that fail at every stage, with pipes open already."""
    failures = 0
    for words, options in (
        (["/nowhere/to/be/found"], {}),
        (["true"], {"cwd": "/nowhere"}),
        (["/"], {}),
        (["true", "a\0b"], {}),
        (["true", "x" * 2**22], {}),
        (["true"], {"preexec_fn": fail}),
    ):
        try:
            module.Popen(words, stdin=module.PIPE, stdout=module.PIPE, stderr=module.PIPE, **options)
        except (OSError, ValueError, module.SubprocessError):
            failures += 1
    expect(failures == 6, f"{failures} of 6 starts that must fail did")


@clean
def abandoned(module: Any) -> None:
    """Children that are dropped while they live; the next starts reap them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        reader, writer = os.pipe()
        before = children()
        module.Popen(["cat"], stdin=reader)
        os.close(reader)
        os.close(writer)
    deadline = time.monotonic() + PATIENCE
    while children() - before:
        expect(time.monotonic() < deadline, "a child that was dropped is never reaped")
        module.run(["true"])


@clean
def many(module: Any) -> None:
    """Several at once, and the first of them that ends, where the module can wait for that."""
    children = [module.Popen(["sleep", "0.001"]) for _ in range(8)]
    if hasattr(module, "wait_any"):
        expect(set(module.wait_any(children, timeout=PATIENCE)) <= set(children), "another child ended")
    for child in children:
        expect(child.wait(timeout=PATIENCE) == 0, "sleep failed")


@clean
def families(module: Any) -> None:
    """A child with a child of its own, ended together where the module can, else both by their input."""
    child = module.Popen(["sh", "-c", "cat <&0 & wait"], stdin=module.PIPE, stdout=module.PIPE)
    if hasattr(child, "kill_tree"):
        child.kill_tree()
    child.communicate(timeout=PATIENCE)


soak = in_turns(run, captured, fed, timed_out, put_off, ended, refused, abandoned, many, families)
