"""`__dict__` of a future, which programs copy and update to pickle it."""

from __future__ import annotations

import pickle
import threading

import pytest


def test_a_recipe_that_pickles_by_the_dictionary(impl, monkeypatch):
    class Pickled(impl.Future):
        def __getstate__(self):
            state = self.__dict__.copy()
            del state["_condition"]
            return state

        def __setstate__(self, state):
            self.__dict__.update(state)
            self._condition = threading.Condition()

    Pickled.__qualname__ = "Pickled"
    monkeypatch.setitem(globals(), "Pickled", Pickled)
    done, failed, pending = Pickled(), Pickled(), Pickled()
    done.label = "kept"
    done.set_result("result")
    failed.set_exception(KeyError("wrong"))
    got = pickle.loads(pickle.dumps(done))
    assert (got.result(), got.label, got.done()) == ("result", "kept", True)
    with pytest.raises(KeyError):
        pickle.loads(pickle.dumps(failed)).result()
    got = pickle.loads(pickle.dumps(pending))
    got.set_result("later")
    assert got.result() == "later"
    assert not pending.done()


def test_names(impl):
    future = impl.Future()
    assert set(vars(future)) == {
        "_condition",
        "_done_callbacks",
        "_exception",
        "_result",
        "_state",
        "_waiters",
    }
    future.set_result(3)
    assert (vars(future)["_state"], vars(future)["_result"]) == ("FINISHED", 3)


def test_a_subclass_that_sets_everything_itself(impl):
    class Own(impl.Future):
        def __init__(self):
            self._condition = threading.Condition()
            self._state = "PENDING"
            self._result = self._exception = None
            self._waiters, self._done_callbacks = [], []

    future = Own()
    future.set_result(1)
    assert future.result() == 1


def test_names_of_an_executor(impl, make_pool):
    pool = make_pool(max_workers=2)
    names = {"_work_queue", "_idle_semaphore", "_max_workers", "_shutdown", "_broken", "_threads"}
    fields = vars(pool)
    assert names <= set(fields) and "_pool_state" not in fields
    assert fields["_work_queue"] is pool._work_queue
    assert (fields["_max_workers"], fields["_shutdown"], fields["_broken"]) == (2, False, False)
    fields["_max_workers"] = 3
    assert pool._max_workers == 3
    assert pool.submit(abs, -1).result() == 1


def test_a_thread_that_is_a_future(impl):
    class Both(threading.Thread, impl.Future):
        def __init__(self):
            threading.Thread.__init__(self)
            impl.Future.__init__(self)

        def run(self):
            self.set_result(5)

    both = Both()
    both.start()
    assert both.result() == 5
    both.join()
    assert {"_result", "_state", "_condition", "_name"} <= set(vars(both))
    assert vars(both)["_result"] == 5 and "_future_state" not in vars(both)
