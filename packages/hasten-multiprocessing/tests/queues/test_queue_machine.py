"""Random calls: what a queue between processes gives is what queue.Queue gives."""

from __future__ import annotations

import multiprocessing
import queue
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import hasten.queue
from hasten.multiprocessing import queues

FORK = multiprocessing.get_context("fork")
RAISED = (queue.Empty, queue.Full, hasten.queue.ShutDown, ValueError)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(max_size=100),
    st.lists(st.integers(), max_size=5), st.sampled_from([b"x" * 5000, b"y" * 70000, "z" * 300000]),
)  # fmt: skip


class QueueMachine(RuleBasedStateMachine):
    @initialize(maxsize=st.integers(0, 5))
    def begin(self, maxsize: int) -> None:
        self.model = hasten.queue.Queue(maxsize)
        self.q = queues.JoinableQueue(maxsize, ctx=FORK)
        if maxsize % 2:
            self.q._reader.fileno()
        self.shut = False

    def same(self, name: str, *args: Any, **options: Any) -> None:
        outcomes = []
        for one in (self.model, self.q):
            try:
                outcomes.append(getattr(one, name)(*args, **options))
            except RAISED as error:
                outcomes.append((type(error), getattr(error, "remaining", None)))
        assert outcomes[0] == outcomes[1]

    @rule(value=VALUES)
    def put(self, value: Any) -> None:
        self.same("put", value, False)

    @rule(value=VALUES)
    def put_for_a_moment(self, value: Any) -> None:
        self.same("put", value, timeout=0.001)

    @rule(values=st.lists(VALUES, max_size=8))
    def put_many(self, values: list[Any]) -> None:
        self.same("put_many", values, False)

    @rule()
    def get(self) -> None:
        self.same("get", False)

    @rule()
    def get_for_a_moment(self) -> None:
        self.same("get", timeout=0.001)

    @rule(most=st.integers(0, 8))
    def get_many(self, most: int) -> None:
        self.same("get_many", most, False)

    @rule()
    def task_done(self) -> None:
        self.same("task_done")

    @rule()
    def join(self) -> None:
        self.same("join", timeout=0.001)

    @precondition(lambda self: not self.shut)
    @rule(immediate=st.booleans())
    def shutdown(self, immediate: bool) -> None:
        self.shut = True
        self.same("shutdown", immediate)

    @invariant()
    def sizes(self) -> None:
        for name in ("qsize", "empty", "full"):
            self.same(name)
        assert self.q._unfinished_tasks._get_value() == self.model.unfinished_tasks
        assert self.q._reader.poll() == (not self.model.empty() or self.shut)

    def teardown(self) -> None:
        if hasattr(self, "q"):
            self.q._reader.close()
            self.q._writer.close()


QueueMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
TestQueue = pytest.mark.filterwarnings("ignore")(QueueMachine.TestCase)
