"""Waiting for the first of many children: `wait_any` as a user sees it."""

import os
import signal
import subprocess

import pytest
from support.children import has_ended, is_gone
from support.signalling import Interrupt, interrupt

import hasten.subprocess as ours


@pytest.fixture
def start():
    """Start children that sleep; all are killed and waited for at the end."""
    started = []

    def start(count, command=("sleep", "1000")):
        children = [ours.Popen(command) for _ in range(count)]
        started.extend(children)
        return children

    yield start
    for child in started:
        child.kill()
        with child:
            """It is waited for."""


def test_the_one_that_ends(start):
    children = start(20)
    children[7].kill()
    assert ours.wait_any(children) == [children[7]]
    assert children[7].returncode == -9
    assert is_gone(children[7].pid)
    assert all(child.returncode is None for child in children if child is not children[7])


def test_one_that_ends_while_we_wait(start, spawn):
    children = start(5)
    waiter = spawn(ours.wait_any, children, timeout=60).settle()
    children[3].terminate()
    assert waiter.result() == [children[3]]


def test_all_of_them_in_the_end(start):
    """The way to use it: a loop over those that are left."""
    left, order = set(start(10)), []
    while left:
        next(iter(left)).kill()
        ended = ours.wait_any(left, timeout=60)
        assert ended
        order += ended
        left.difference_update(ended)
    assert {child.returncode for child in order} == {-9}
    assert len(order) == len(set(order)) == 10


def test_several_at_once_in_their_order(start, until):
    children = start(6)
    for number in 4, 1:
        children[number].kill()
        until(lambda number=number: has_ended(children[number].pid))
    assert ours.wait_any(children) == [children[1], children[4]]


def test_one_that_is_known_to_have_ended(start):
    children = start(3)
    children[1].kill()
    children[1].wait()
    assert ours.wait_any(children) == [children[1]]


@pytest.mark.parametrize("timeout", [0, -1, 0.05, 1e-9])
def test_nobody_ends_in_time(start, timeout):
    assert ours.wait_any(start(3), timeout=timeout) == []


@pytest.mark.parametrize("timeout", [None, 0, 1])
def test_nobody_to_wait_for(timeout):
    assert ours.wait_any([], timeout=timeout) == []


@pytest.mark.parametrize("timeout, error", [(float("nan"), ValueError), ("1", TypeError), ([], TypeError)])
def test_no_timeout(start, timeout, error):
    with pytest.raises(error):
        ours.wait_any(start(1), timeout=timeout)


@pytest.mark.parametrize("procs", [None, 5, [5], [None], ["x"], [os.getpid()]])
def test_no_children(procs):
    with pytest.raises((TypeError, AttributeError)):
        ours.wait_any(procs, timeout=0)


@pytest.mark.parametrize("kind", [list, tuple, set, iter, dict.fromkeys])
def test_any_iterable(start, kind):
    children = start(2)
    children[0].kill()
    assert ours.wait_any(kind(children)) == [children[0]]


def test_the_same_child_twice(start):
    [child] = start(1)
    child.kill()
    assert set(ours.wait_any([child, child])) == {child}


def test_reaped_by_somebody_else(start):
    children = start(3)
    os.kill(children[2].pid, 9)
    os.waitpid(children[2].pid, 0)
    assert ours.wait_any(children, timeout=60) == [children[2]]
    assert children[2].returncode == 0


def test_children_of_the_standard_library(start):
    """It takes whatever has a pid, a returncode and a poll()."""
    with subprocess.Popen(["true"]) as theirs:
        assert ours.wait_any([*start(2), theirs], timeout=60) == [theirs]
    assert theirs.returncode == 0


def test_other_children_are_not_reaped(start, until):
    bystander, child = start(2)
    for process in bystander, child:
        process.kill()
        until(lambda process=process: has_ended(process.pid))
    assert ours.wait_any([child]) == [child]
    assert has_ended(bystander.pid) and not is_gone(bystander.pid)


def test_many(start):
    children = start(1000)
    for child in children[::100]:
        child.kill()
    found = []
    while len(found) < 10:
        found += ours.wait_any([child for child in children if child not in found], timeout=60)
    assert set(found) == set(children[::100])


def test_in_many_threads(start, spawn):
    """Each of them learns of the end, whoever reaps the child."""
    children = start(4)
    waiters = [spawn(ours.wait_any, children, timeout=60).settle() for _ in range(6)]
    children[2].kill()
    assert [waiter.result() for waiter in waiters] == [[children[2]]] * 6


def test_wait_and_wait_any_together(start, spawn):
    children = start(2)
    waiters = [spawn(children[0].wait).settle(), spawn(children[0].wait, 60).settle()]
    any_waiter = spawn(ours.wait_any, children, timeout=60).settle()
    children[0].kill()
    assert any_waiter.result() == [children[0]]
    assert [waiter.result() for waiter in waiters] == [-9, -9]


def test_a_handler_that_raises_ends_it(start, on_signal, when_main_sleeps):
    children = start(3)
    on_signal(interrupt)
    sender = when_main_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1))
    with pytest.raises(Interrupt):
        ours.wait_any(children)
    sender.result()
    assert all(child.poll() is None for child in children)


def test_a_handler_runs_and_it_goes_on(start, on_signal, when_main_sleeps):
    children = start(3)
    on_signal(children[1].kill)
    sender = when_main_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1))
    assert ours.wait_any(children) == [children[1]]
    sender.result()
