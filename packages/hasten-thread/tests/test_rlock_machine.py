"""Our RLock and the interpreter's, driven in step by hypothesis from two threads."""

import _thread

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from hasten._thread import _locks


class Actor:
    """A thread that carries out one call at a time and hands the result back."""

    def __init__(self):
        self._request, self._reply = _thread.allocate_lock(), _thread.allocate_lock()
        self._request.acquire()
        self._reply.acquire()
        self._call = None
        _thread.start_new_thread(self._run, ())

    def _run(self):
        while True:
            self._request.acquire()
            if self._call is None:
                return
            self.result = outcome(self._call)
            self._reply.release()

    def __call__(self, call):
        self._call = call
        self._request.release()
        assert self._reply.acquire(True, 20), "the call hangs"
        return self.result

    def stop(self):
        self._call = None
        self._request.release()


def outcome(call):
    try:
        return call()
    except Exception as error:
        return type(error), str(error).split(",")[0]


class RLockMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.locks = _thread.RLock(), _locks.RLock()
        self.actors = Actor(), Actor()
        self.saved = None  # who saved, and what each lock gave

    def teardown(self):
        for actor in self.actors:
            actor.stop()

    def same(self, who, call):
        stdlib, ours = (self.actors[who](lambda lock=lock: call(lock)) for lock in self.locks)
        assert stdlib == ours
        return stdlib

    @rule(who=st.integers(0, 1), timeout=st.sampled_from([None, 0, 0.0005]))
    def acquire(self, who, timeout):
        if timeout is None:
            self.same(who, lambda lock: lock.acquire(False))
        else:
            self.same(who, lambda lock: lock.acquire(True, timeout))

    @rule(who=st.integers(0, 1))
    def release(self, who):
        self.same(who, lambda lock: lock.release())

    @rule(who=st.integers(0, 1))
    def refuse(self, who):
        self.same(who, lambda lock: lock.acquire(False, 1))

    @rule(who=st.integers(0, 1))
    def owned(self, who):
        self.same(who, lambda lock: lock._is_owned())

    @rule()
    def reinit(self):
        self.same(0, lambda lock: lock._at_fork_reinit())

    @precondition(lambda self: self.saved is None)
    @rule(who=st.integers(0, 1))
    def save(self, who):
        if self.same(who, lambda lock: lock._is_owned()):
            states = self.same(who, lambda lock: lock._release_save())
            self.saved = who, states

    @precondition(lambda self: self.saved is not None)
    @rule()
    def restore(self):
        who, states = self.saved
        if self.same(1 - who, lambda lock: lock._is_owned()) or self.same(who, lambda lock: lock._is_owned()):
            return  # it would wait for ever
        self.same(who, lambda lock: lock._acquire_restore(states))
        self.saved = None

    @rule(who=st.integers(0, 1))
    def shows_the_same(self, who):
        self.same(who, lambda lock: repr(lock).partition(" at ")[0])


TestRLock = RLockMachine.TestCase
TestRLock.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
