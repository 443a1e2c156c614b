"""A Future of ours and one of the standard library's driven in step: results, errors, fields are the same."""

import concurrent.futures
import logging
import re
import sys

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import hasten.futures

STATES = ["PENDING", "RUNNING", "CANCELLED", "CANCELLED_AND_NOTIFIED", "FINISHED"]
SNAPSHOT = sys.version_info >= (3, 15)


class Fault(Exception):
    pass


class Quit(BaseException):
    pass


def told(value):
    """A value without the address of the future that it names; an error without what ours has to say more."""
    if isinstance(value, BaseException):
        words = re.sub("0x[0-9a-f]+", "ADDRESS", str(value))
        return type(value), re.sub("(in unexpected state|must derive from BaseException).*", r"\1", words)
    return re.sub("0x[0-9a-f]+", "ADDRESS", value) if isinstance(value, str) else value


class Waiter:
    """What the standard library's wait() hangs into a future."""

    def __init__(self, log):
        self.log = log

    def add_result(self, future):
        self.log.append(("waiter: result", future._state))

    def add_exception(self, future):
        self.log.append(("waiter: exception", future._state))

    def add_cancelled(self, future):
        self.log.append(("waiter: cancelled", future._state))


class InStep(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.futures = [module.Future() for module in (concurrent.futures, hasten.futures)]
        self.logs = [[], []]
        self.waiters = [[], []]
        logging.getLogger("concurrent.futures").disabled = True

    def teardown(self):
        logging.getLogger("concurrent.futures").disabled = False

    def same(self, call):
        """call(future, log) on both."""
        outcomes = []
        for future, log in zip(self.futures, self.logs):
            try:
                outcomes.append(told(call(future, log)))
            except BaseException as error:
                if type(error) is AssertionError:
                    raise
                outcomes.append(told(error))
        assert outcomes[0] == outcomes[1]

    @rule(value=st.one_of(st.none(), st.integers(), st.builds(Fault, st.text(max_size=3))))
    def set_result(self, value):
        self.same(lambda future, log: future.set_result(value))

    @rule(error=st.sampled_from([Fault("a"), Quit("b"), Fault, "words", SystemExit(3)]))
    def set_exception(self, error):
        self.same(lambda future, log: future.set_exception(error))

    @rule()
    def cancel(self):
        self.same(lambda future, log: future.cancel())

    @rule()
    def set_running_or_notify_cancel(self):
        self.same(lambda future, log: future.set_running_or_notify_cancel())

    @rule(timeout=st.sampled_from([0, -1, 0.0001]))
    def result(self, timeout):
        self.same(lambda future, log: future.result(timeout))

    @rule(timeout=st.sampled_from([0, -1, 0.0001]))
    def exception(self, timeout):
        self.same(lambda future, log: future.exception(timeout))

    @rule(name=st.integers(0, 99), error=st.sampled_from([None, Fault, Quit]))
    def add_done_callback(self, name, error):
        def add(future, log):
            def callback(done):
                log.append((name, done is future, done._state))
                if error:
                    raise error("in a callback")

            future.add_done_callback(callback)

        self.same(add)

    @rule()
    def add_waiter(self):
        for future, log, waiters in zip(self.futures, self.logs, self.waiters):
            waiters.append(Waiter(log))
            with future._condition:
                future._waiters.append(waiters[-1])

    @rule(data=st.data())
    def remove_waiter(self, data):
        if self.waiters[0]:
            index = data.draw(st.integers(0, len(self.waiters[0]) - 1))
            for future, waiters in zip(self.futures, self.waiters):
                future._waiters.remove(waiters.pop(index))

    @precondition(lambda self: not self.futures[0].done())
    @rule(state=st.sampled_from(STATES))
    def set_state(self, state):
        self.same(lambda future, log: setattr(future, "_state", state))

    @precondition(lambda self: self.futures[0].done())
    @rule(value=st.one_of(st.none(), st.integers()))
    def set_result_field(self, value):
        self.same(lambda future, log: setattr(future, "_result", value))

    @precondition(lambda self: self.futures[0].done())
    @rule(error=st.sampled_from([Fault("c"), None]))
    def set_exception_field(self, error):
        self.same(lambda future, log: setattr(future, "_exception", error))

    @rule(modules=st.permutations([concurrent.futures, hasten.futures]))
    def wait(self, modules):
        """Whosever function it is."""
        outcomes = [
            [len(futures) for futures in module.wait([future], 0)]
            for module, future in zip(modules, self.futures)
        ]
        assert outcomes[0] == outcomes[1]

    @rule(modules=st.permutations([concurrent.futures, hasten.futures]))
    def as_completed(self, modules):
        outcomes = []
        for module, future in zip(modules, self.futures):
            try:
                outcomes.append(list(module.as_completed([future], 0)) == [future])
            except module.TimeoutError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]

    @invariant()
    def looks_the_same(self):
        self.same(lambda future, log: (future.done(), future.running(), future.cancelled()))
        self.same(lambda future, log: (future._state, future._result, future._exception))
        self.same(lambda future, log: [len(future._waiters), list(log)])
        self.same(lambda future, log: repr(future))
        if SNAPSHOT:
            self.same(lambda future, log: future._get_snapshot())


TestInStep = InStep.TestCase
TestInStep.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
