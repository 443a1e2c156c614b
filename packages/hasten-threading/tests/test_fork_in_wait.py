"""fork() in the middle of a wait: the child starts without sleepers, the parent's go on."""

import os
import signal
import threading
import time

import pytest
from support.forked import child_of_fork, in_child, needs_fork, status_of
from support.signalling import SENDERS
from support.tasks import Task

import hasten.threading as ours

pytestmark = [needs_fork, pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")]


def in_thread(function, *arguments):
    """What the function returns in a thread of the child."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function(*arguments)), daemon=True)
    thread.start()
    return thread, results


def joined(pair):
    thread, results = pair
    thread.join(20)
    assert results, "the thread hangs or has failed"
    return results[0]


def use_event(event):
    event.clear()
    assert event.wait(0.001) is False
    waiter = in_thread(event.wait, 20)
    event.set()
    assert joined(waiter) is True


def use_semaphore(sem):
    assert sem.acquire(False) is False
    waiter = in_thread(sem.acquire, True, 20)
    sem.release()
    assert joined(waiter) is True
    assert sem._value == 0


def use_condition(cond):
    """A new condition over a lock that nobody held."""
    state = []

    def wait():
        with cond:
            return cond.wait_for(lambda: state, 20)

    assert len(cond._waiters) == 0
    with cond:
        cond.notify_all()
        assert cond.wait(0.001) is False
    waiter = in_thread(wait)
    with cond:
        state.append(1)
        cond.notify()
    assert joined(waiter) == [1]


def use_barrier(barrier):
    assert barrier.n_waiting == 0
    barrier.reset()
    waiters = [in_thread(barrier.wait, 20) for _ in range(2)]
    index = barrier.wait(20)
    assert sorted([index, *map(joined, waiters)]) == [0, 1, 2]


def wait_on(cond):
    with cond:
        return cond.wait()


def notify(cond):
    with cond:
        cond.notify_all()


def primitives():
    """For each kind: the object, how to wait, how to end two waits, and how to use it in the child."""
    event, sem, barrier = ours.Event(), ours.Semaphore(0), ours.Barrier(3)
    conditions = [ours.Condition(), ours.Condition(ours.Lock())]
    return {
        "event": (event.wait, event.set, lambda: use_event(event)),
        "semaphore": (sem.acquire, lambda: sem.release(2), lambda: use_semaphore(sem)),
        "barrier": (barrier.wait, barrier.wait, lambda: use_barrier(barrier)),
        "condition": (
            lambda: wait_on(conditions[0]),
            lambda: notify(conditions[0]),
            lambda: use_condition(conditions[0]),
        ),
        "condition of a Lock": (
            lambda: wait_on(conditions[1]),
            lambda: notify(conditions[1]),
            lambda: use_condition(conditions[1]),
        ),
    }


@pytest.fixture(params=list(primitives()))
def primitive(request):
    return primitives()[request.param]


def test_fork_with_sleepers(primitive, spawn):
    wait, end, use = primitive
    tasks = [spawn(wait).settle() for _ in range(2)]
    in_child(use)
    end()
    for task in tasks:
        assert task.result() in (True, 0, 1)


def test_grandchildren(primitive, spawn):
    wait, end, use = primitive
    tasks = [spawn(wait).settle() for _ in range(2)]

    def child():
        in_child(use)
        use()

    in_child(child)
    end()
    for task in tasks:
        task.result()


def test_waiters_of_the_child_and_of_the_parent(primitive, spawn):
    """Both sides have sleepers of their own at the same place in memory."""
    wait, end, _ = primitive
    tasks = [spawn(wait).settle() for _ in range(2)]

    def child():
        waiters = [Task(wait) for _ in range(2)]
        for waiter in waiters:
            waiter.start()
            waiter.settle()  # whom a condition wakes has to sleep before
        end()
        assert all(waiter.result(20) in (True, 0, 1) for waiter in waiters)

    in_child(child)
    end()
    for task in tasks:
        task.result()


def test_fork_during_an_action(spawn):
    """The thread that runs the action is gone in the child, which has a barrier to start with."""
    begun, go = threading.Event(), threading.Event()
    barrier = None

    def action():
        if os.getpid() == parent:
            begun.set()
            assert go.wait(30)

    parent = os.getpid()
    barrier = ours.Barrier(3, action)
    tasks = [spawn(barrier.wait) for _ in range(3)]
    assert begun.wait(30)
    in_child(lambda: use_barrier(barrier))
    go.set()
    assert sorted(task.result() for task in tasks) == [0, 1, 2]


def test_fork_by_the_action(spawn, until):
    """In the child the action goes on, and so does the one thread that is left."""
    pids = []

    def action():
        pids.append(os.fork())

    barrier = ours.Barrier(2, action)
    task = spawn(barrier.wait)
    until(lambda: barrier.n_waiting == 1)
    index = barrier.wait()
    if pids == [0]:
        status = 1
        try:
            assert (index, barrier.n_waiting, barrier.broken) == (1, 0, False)
            status = 0
        finally:
            os._exit(status)
    assert (index, task.result()) == (1, 0)
    assert status_of(pids[0]) == 0


def die_in_time():
    """For a child that comes back from a handler: it must not run the rest of the tests."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(20)


WAITS = {
    "event": lambda: ours.Event().wait,
    "semaphore": lambda: lambda timeout: ours.Semaphore(0).acquire(timeout=timeout),
    "condition": lambda: lambda timeout: timed_wait(ours.Condition(), timeout),
    "barrier": lambda: lambda timeout: timed_barrier(ours.Barrier(5), timeout),
}


def timed_wait(cond, timeout):
    with cond:
        return cond.wait(timeout)


def timed_barrier(barrier, timeout):
    try:
        return barrier.wait(timeout)
    except ours.BrokenBarrierError:
        return False


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("name", WAITS)
def test_fork_by_a_signal_handler(name, raises, on_signal, when_main_sleeps):
    """The child comes back from the handler into the middle of the wait, alone, or leaves with an error."""
    pids = []

    class Leave(Exception):
        pass

    def handler():
        pids.append(os.fork())
        if pids[0] == 0:
            die_in_time()
            if raises:
                raise Leave

    on_signal(handler)
    task = when_main_sleeps(SENDERS["pthread_kill"])
    try:
        result = None
        while not pids or result is None:  # the signal may come only after a wait
            result = WAITS[name]()(0.5)
    except Leave:
        result = "left"
    finally:
        if pids == [0]:
            os._exit(0 if result == ("left" if raises else False) else 1)
    assert result is False
    assert status_of(pids[0]) == 0
    task.result()


@pytest.mark.parametrize("name", ["event", "semaphore", "condition", "barrier"])
def test_fork_by_a_signal_handler_among_sleepers(name, on_signal, when_main_sleeps, spawn):
    """The nodes to both sides of the main thread's are those of threads that the child does not have."""
    wait, end, use = primitives()[name]
    if name == "barrier":
        barrier = ours.Barrier(5)
        wait, end = barrier.wait, barrier.abort
    before = spawn(swallow, wait).settle()
    after, pids = [], []

    class Leave(Exception):
        pass

    def handler():
        after.append(spawn(swallow, wait).settle())
        pids.append(child_of_fork_that_leaves())
        raise Leave

    def child_of_fork_that_leaves():
        pid = os.fork()
        if pid == 0:
            die_in_time()
        return pid

    on_signal(handler)
    task = when_main_sleeps(SENDERS["pthread_kill"])
    left = False
    try:
        wait()
    except Leave:
        left = True
    finally:
        if pids == [0]:
            status = 1
            try:
                if name != "barrier":
                    use()
                else:
                    assert barrier.n_waiting == 0
                    barrier.reset()
                status = 0 if left else 2
            finally:
                os._exit(status)
    assert left
    assert status_of(pids[0]) == 0
    end()
    if name == "semaphore":
        end()
    for other in [before, *after]:
        other.result()
    task.result()


@pytest.mark.parametrize("name", ["event", "semaphore", "condition", "barrier"])
def test_a_child_that_goes_on_with_the_wait(name, on_signal, when_main_sleeps, spawn, until):
    """After the handler has forked, the main thread of the child sleeps on, and its threads can wake it."""
    wait, end, _ = primitives()[name]
    if name == "barrier":
        barrier = ours.Barrier(2)
        wait = barrier.wait
    before = spawn(swallow, wait).settle() if name != "barrier" else None
    pids = []

    def wake():
        if name == "barrier":
            until(lambda: barrier.n_waiting == 1)
            barrier.wait()
        else:
            while True:  # until the process ends: nobody tells when the main thread is back in its wait
                end()
                time.sleep(0.01)

    def handler():
        pids.append(os.fork())
        if pids[0] == 0:
            die_in_time()
            threading.Thread(target=swallow, args=(wake,), daemon=True).start()
        else:
            status.append(status_of(pids[0]))
            raise Leave

    class Leave(Exception):
        pass

    status = []
    on_signal(handler)
    task = when_main_sleeps(SENDERS["pthread_kill"])
    try:
        result = wait()
    except Leave:
        result = "left"
    finally:
        if pids == [0]:
            os._exit(0 if result in (True, 0) else 1)
    assert (result, status) == ("left", [0])
    if before is not None:
        end()
        assert before.result() is True
    task.result()


def swallow(wait):
    try:
        return wait()
    except ours.BrokenBarrierError:
        return True


def test_children_one_after_another(primitive, spawn):
    """Each fork leaves the lists of the one before behind."""
    wait, end, use = primitive
    tasks = [spawn(wait).settle() for _ in range(2)]
    pids = [child_of_fork(use) for _ in range(5)]
    assert [status_of(pid) for pid in pids] == [0] * 5
    end()
    for task in tasks:
        task.result()
