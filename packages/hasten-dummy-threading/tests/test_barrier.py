"""Barrier."""

import time

import pytest

import hasten.dummy_threading as dummy


def test_one_party(impl):
    calls = []
    barrier = impl.Barrier(1, lambda: calls.append(barrier.n_waiting))
    assert [barrier.wait(), barrier.wait(5)] == [0, 0] and len(calls) == 2
    assert (barrier.parties, barrier.n_waiting, barrier.broken) == (1, 0, False)


@pytest.mark.parametrize("parties", [0, -1])
def test_parties_are_checked(parties):
    with pytest.raises(ValueError, match="parties must be >= 1"):
        dummy.Barrier(parties)


def test_a_failing_action_breaks_it(impl):
    barrier = impl.Barrier(1, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        barrier.wait()
    assert barrier.broken
    with pytest.raises(impl.BrokenBarrierError):
        barrier.wait()
    barrier.reset()
    assert not barrier.broken


def test_abort_and_reset(impl):
    barrier = impl.Barrier(1)
    barrier.abort()
    assert barrier.broken
    with pytest.raises(impl.BrokenBarrierError):
        barrier.wait()
    barrier.reset()
    assert barrier.wait() == 0


def test_a_timeout_breaks_it(impl):
    barrier = impl.Barrier(2)
    with pytest.raises(impl.BrokenBarrierError):
        barrier.wait(0.001)
    assert barrier.broken and barrier.n_waiting == 0
    with pytest.raises(impl.BrokenBarrierError):
        barrier.wait()


def test_its_own_timeout(sleeps):
    barrier = dummy.Barrier(2, timeout=3)
    with pytest.raises(dummy.BrokenBarrierError):
        barrier.wait()
    barrier.reset()
    with pytest.raises(dummy.BrokenBarrierError):
        barrier.wait(4)
    assert sleeps == [3, 4]


def test_the_endless_wait_leaves_it_as_it_was():
    barrier = dummy.Barrier(3)
    with pytest.raises(RuntimeError, match="1 of 3 parties are there"):
        barrier.wait()
    assert not barrier.broken and barrier.n_waiting == 0


@pytest.fixture
def meanwhile(monkeypatch):
    """Have a function called during the sleep of a wait, as a signal handler would be."""

    def meanwhile(function):
        monkeypatch.setattr(time, "sleep", lambda seconds: function())

    return meanwhile


def test_arriving_meanwhile(meanwhile):
    calls = []
    barrier = dummy.Barrier(2, lambda: calls.append("action"))
    meanwhile(lambda: calls.append((barrier.n_waiting, repr(barrier)[-13:], barrier.wait())))
    assert barrier.wait(1) == 0
    assert calls == ["action", (1, ": waiters=1/2>", 1)] or calls == ["action", (1, " waiters=1/2>", 1)]
    assert barrier.n_waiting == 0


def test_the_endless_wait_of_the_second_of_three(meanwhile):
    barrier, errors = dummy.Barrier(3), []

    def second():
        with pytest.raises(RuntimeError, match="2 of 3 parties are there") as error:
            barrier.wait()
        errors.append(error)

    meanwhile(second)
    with pytest.raises(dummy.BrokenBarrierError):
        barrier.wait(1)
    assert errors and barrier.n_waiting == 0


@pytest.mark.parametrize("how", ["reset", "abort"])
def test_reset_or_abort_meanwhile(meanwhile, how):
    barrier = dummy.Barrier(2)
    meanwhile(getattr(barrier, how))
    with pytest.raises(dummy.BrokenBarrierError):
        barrier.wait(1)
    assert barrier.broken is (how == "abort") and barrier.n_waiting == 0
    assert ("broken" in repr(barrier)) is (how == "abort")


def test_ctrl_c_in_the_sleep(meanwhile):
    def interrupt():
        raise KeyboardInterrupt

    barrier = dummy.Barrier(2)
    meanwhile(interrupt)
    with pytest.raises(KeyboardInterrupt):
        barrier.wait(1)
    assert barrier.n_waiting == 0
