"""Exceptions raised where a program does not expect them: at each Python line, or from a signal handler.

    for place in at_each_line(action, KeyboardInterrupt, files):
        check()

runs *action* again and again in this thread; the n-th time the exception is raised at the n-th line that it
executes in one of the files.  It ends with the run that was not interrupted.

Not interrupted are the lines that undo: the bodies of `finally` and `except`, and the end of a `with`.  No
Python code could stand that, and the interpreter itself looks for signals at calls and jumps only.  Nor is
the line of a `try`, which does nothing: an enclosing `with` or `try` does not see what a tracer raises there.
"""

from __future__ import annotations

import ast
import functools
import os
import random
import signal
import sys
import threading
import time
import tokenize
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FrameType
from typing import Any

Action = Callable[[], Any]
MOST_LINES = 2000


class Injected(Exception):
    """An error that nobody else raises."""


class LineCounter:
    """Counts this thread's lines in *files*, and raises *error* at line number *at*."""

    def __init__(self, files: Sequence[str], error: type[BaseException], at: int) -> None:
        self.files, self.error, self.at = tuple(files), error, at
        self.seen = 0
        self.place: str | None = None
        self.entered: set[tuple[int, int]] = set()  # `with` lines by frame, which are run again at the end

    def in_files(self, code: CodeType) -> bool:
        return code.co_filename.startswith(self.files)

    def undoes(self, frame: FrameType, number: int) -> bool:
        undo, withs = lines_that_undo(frame.f_code.co_filename)
        if number not in withs:
            return number in undo
        key = (id(frame), number)
        ends = key in self.entered
        (self.entered.discard if ends else self.entered.add)(key)
        return ends or number in undo

    def line(self, frame: FrameType, number: int) -> None:
        if self.undoes(frame, number):
            return
        code = frame.f_code
        self.seen += 1
        if self.seen == self.at:
            self.place = f"{os.path.basename(code.co_filename)}:{number} ({code.co_name})"
            raise self.error(f"injected at {self.place}")


@functools.cache
def lines_that_undo(file: str) -> tuple[frozenset[int], frozenset[int]]:
    """The lines of the bodies of `finally` and `except` and of `try` itself; the first lines of `with`."""
    with tokenize.open(file) as source:
        tree = ast.parse(source.read())
    bodies: list[ast.stmt] = []
    tries: set[int] = set()
    withs: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            tries.add(node.lineno)
            bodies += node.finalbody
        elif isinstance(node, ast.ExceptHandler):
            bodies += node.body
        elif isinstance(node, ast.With):
            withs |= {node.lineno, *(item.context_expr.lineno for item in node.items)}
    undo = {number for body in bodies for number in range(body.lineno, (body.end_lineno or body.lineno) + 1)}
    return frozenset(undo | tries), frozenset(withs)


def with_settrace(counter: LineCounter, action: Action) -> Any:
    def trace(frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            counter.line(frame, frame.f_lineno)
        return trace if counter.in_files(frame.f_code) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return action()
    finally:
        sys.settrace(before)


def with_monitoring(counter: LineCounter, action: Action) -> Any:
    monitoring = sys.monitoring
    tool, me = 4, threading.get_ident()

    def on_line(code: CodeType, number: int) -> Any:
        if not counter.in_files(code):
            return monitoring.DISABLE
        if threading.get_ident() == me:
            counter.line(sys._getframe(1), number)
        return None

    monitoring.use_tool_id(tool, "injection")
    monitoring.register_callback(tool, monitoring.events.LINE, on_line)
    monitoring.restart_events()
    monitoring.set_events(tool, monitoring.events.LINE)
    try:
        return action()
    finally:
        monitoring.set_events(tool, 0)
        monitoring.register_callback(tool, monitoring.events.LINE, None)
        monitoring.free_tool_id(tool)


WAYS: dict[str, Callable[[LineCounter, Action], Any]] = {"settrace": with_settrace}
if sys.version_info >= (3, 12):
    WAYS["monitoring"] = with_monitoring


def at_each_line(
    action: Action, error: type[BaseException], files: Sequence[str], way: str = "settrace"
) -> Iterator[str]:
    """Yields the place of each injection, for the caller to check; an error of the action's own comes out.

    That the exception is swallowed on the way is allowed: what holds afterwards is the caller's to check.
    """
    for at in range(1, MOST_LINES):
        counter = LineCounter(files, error, at)
        try:
            WAYS[way](counter, action)
        except BaseException as raised:
            if not came_of(raised, error) or counter.place is None:
                raise
        if counter.place is None:
            return
        yield counter.place
    raise AssertionError(f"the action runs for more than {MOST_LINES} lines")


def came_of(raised: BaseException, error: type[BaseException]) -> bool:
    """Is it the injected one, or was it raised while that one was dealt with?"""
    chain: BaseException | None = raised
    while chain is not None:
        if isinstance(chain, error):
            return True
        chain = chain.__cause__ or chain.__context__
    return False


def at_random_moments(
    action: Action, error: type[BaseException], *, seed: int, times: int, seconds: float
) -> Iterator[bool]:
    """Runs *action* in the main thread, where a signal handler raises at a random moment; was it interrupted?

    At most *times* times, or *seconds* long.
    """
    moments = random.Random(seed)
    usual = max(time_of(action), 2e-5)
    end = time.monotonic() + seconds
    for _ in range(times):
        if time.monotonic() > end:
            return
        yield interrupted(action, error, moments.uniform(1e-6, 1.3 * usual))


def time_of(action: Action) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def interrupted(action: Action, error: type[BaseException], delay: float) -> bool:
    """Whether a handler ran inside of *action*, after *delay* seconds; one that runs late does nothing."""
    state = {"armed": False, "raised": False}

    def handler(*_: object) -> None:
        if state["armed"]:
            state["armed"] = False
            state["raised"] = True
            raise error("injected by a signal handler")

    before = signal.signal(signal.SIGALRM, handler)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, delay)
            state["armed"] = True
            action()
        finally:
            state["armed"] = False
    except BaseException as raised:
        if not came_of(raised, error):
            raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return state["raised"]
