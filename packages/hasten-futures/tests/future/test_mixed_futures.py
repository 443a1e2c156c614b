"""Our futures and pools and the standard library's together, in the functions of both."""

import concurrent.futures
import threading

import pytest

import hasten.futures

MODULES = {"stdlib": concurrent.futures, "hasten": hasten.futures}
ENDS = {
    "result": lambda future: future.set_result(1),
    "exception": lambda future: future.set_exception(OSError()),
    "cancel": lambda future: future.cancel() and future.set_running_or_notify_cancel(),
}


@pytest.fixture
def futures():
    """Six: ours and theirs in turn."""
    return [MODULES[name].Future() for name in ["stdlib", "hasten"] * 3]


@pytest.mark.parametrize("end", ENDS)
def test_wait_for_all(impl, futures, end, spawn):
    task = spawn(impl.wait, futures).settle()
    for future in futures:
        ENDS[end](future)
    assert task.result() == (set(futures), set())
    assert not any(future._waiters for future in futures)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("which", [0, 1])
def test_wait_for_the_first(impl, futures, end, which, spawn):
    task = spawn(impl.wait, futures, None, impl.FIRST_COMPLETED).settle()
    ENDS[end](futures[which])
    assert task.result() == ({futures[which]}, set(futures) - {futures[which]})
    assert not any(future._waiters for future in futures)


@pytest.mark.parametrize("which", [2, 3])
def test_wait_for_the_first_exception(impl, futures, which, spawn):
    task = spawn(impl.wait, futures, None, impl.FIRST_EXCEPTION).settle()
    futures[0].set_result(1)
    futures[1].set_result(1)
    task.settle()
    assert task.is_alive()
    futures[which].set_exception(OSError())
    assert task.result().done == {*futures[:2], futures[which]}


def test_wait_with_some_done(impl, futures):
    futures[0].set_result(1)
    futures[3].set_result(1)
    assert impl.wait(futures, 0.01) == ({futures[0], futures[3]}, {futures[n] for n in (1, 2, 4, 5)})
    assert not any(future._waiters for future in futures)


@pytest.mark.parametrize("end", ENDS)
def test_as_completed(impl, futures, end, spawn):
    order = [3, 0, 4, 1, 2, 5]
    ENDS[end](futures[3])
    task = spawn(lambda: list(impl.as_completed(futures))).settle()
    for number in order[1:]:
        ENDS[end](futures[number])
    assert task.result() == [futures[number] for number in order]
    assert not any(future._waiters for future in futures)


def test_as_completed_times_out(impl, futures):
    futures[0].set_result(1)
    futures[1].set_result(1)
    with pytest.raises(impl.TimeoutError, match=r"^4 \(of 6\) futures unfinished$"):
        list(impl.as_completed(futures, 0.01))
    assert not any(future._waiters for future in futures)


def test_both_functions_at_once(futures, spawn):
    tasks = [spawn(module.wait, futures) for module in MODULES.values()]
    tasks += [spawn(lambda m=module: set(m.as_completed(futures))) for module in MODULES.values()]
    for task in tasks:
        task.settle()
    for future in futures:
        future.set_result(1)
    assert [task.result() for task in tasks] == [(set(futures), set())] * 2 + [set(futures)] * 2
    assert not any(future._waiters for future in futures)


def test_race(impl, spawn):
    for _ in range(30):
        futures = [module.Future() for module in MODULES.values() for _ in range(20)]
        barrier = threading.Barrier(3)

        def work(share, barrier=barrier):
            barrier.wait()
            for number, future in enumerate(share):
                ENDS[list(ENDS)[number % 3]](future)

        tasks = [spawn(work, futures[0::2]), spawn(work, futures[1::2])]
        barrier.wait()
        reported = list(impl.as_completed(futures, 30))
        assert len(reported) == 40 and set(reported) == set(futures)
        for task in tasks:
            task.result()


def test_pools_of_both(impl):
    with concurrent.futures.ThreadPoolExecutor(2) as theirs, hasten.futures.ThreadPoolExecutor(2) as ours:
        futures = [pool.submit(pow, number, 2) for number in range(50) for pool in (theirs, ours)]
        assert impl.wait(futures, 30) == (set(futures), set())
        assert sum(future.result() for future in impl.as_completed(futures)) == 2 * sum(
            number**2 for number in range(50)
        )


def test_a_task_waits_for_the_other_pool(impl):
    with concurrent.futures.ThreadPoolExecutor(1) as theirs, hasten.futures.ThreadPoolExecutor(2) as ours:
        inner = theirs.submit(lambda: ours.submit(len, "abc").result(30))
        outer = ours.submit(lambda: list(impl.as_completed([inner], 30)))
        assert outer.result(30) == [inner]
        assert inner.result() == 3


class Subclass(concurrent.futures.Future):
    """One of the standard library's that is asked by its public methods alone where that is possible."""

    def __init__(self):
        super().__init__()
        self.ended = 0

    def set_result(self, result):
        self.ended += 1
        super().set_result(result)


def test_subclasses_of_theirs(impl, spawn):
    futures = [Subclass(), hasten.futures.Future(), Subclass()]
    task = spawn(lambda: list(impl.as_completed(futures))).settle()
    for future in futures:
        future.set_result(1)
    assert task.result() == futures
    assert [futures[0].ended, futures[2].ended] == [1, 1]


def test_process_pool_futures(impl, python):
    """In a program of their own: processes and the threads of this test run do not go together."""
    assert python(
        f"""
import concurrent.futures, multiprocessing, hasten.futures
import {impl.__name__} as impl
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    with hasten.futures.ProcessPoolExecutor(1, mp_context=context) as processes:
        first = processes.submit(pow, 2, 5)
        assert first.result() == 32
        with hasten.futures.ThreadPoolExecutor(1) as threads:
            futures = [processes.submit(pow, 2, 3), threads.submit(pow, 3, 2)]
            assert impl.wait(futures).done == set(futures)
            assert sorted(f.result() for f in impl.as_completed(futures)) == [8, 9]
            assert isinstance(processes, concurrent.futures.ProcessPoolExecutor)
    print("fine")
""",
        "-W",
        "ignore::DeprecationWarning",
    ) == "fine\n"
