"""Initializers of workers, what breaks a pool, and contexts of one's own around the tasks."""

import threading

import pytest

WORDS = "A thread initializer failed, the thread pool is not usable anymore"


class Fault(Exception):
    pass


def fail():
    raise Fault("in the initializer")


def broken_class(impl):
    from concurrent.futures import thread

    assert issubclass(thread.BrokenThreadPool, impl.BrokenExecutor)
    return thread.BrokenThreadPool


# ---- initializers --------------------------------------------------------------------------------


def test_called_once_in_each_worker(make_pool):
    called, barrier = [], threading.Barrier(3)
    pool = make_pool(3, "", lambda *args: called.append((threading.current_thread(), args)), (1, "two"))
    for future in [pool.submit(barrier.wait, 30) for _ in range(3)]:
        future.result(30)
    for _ in range(10):
        pool.submit(len, "").result(30)
    assert {thread for thread, _ in called} == set(pool._threads)
    assert [args for _, args in called] == [(1, "two")] * 3


def test_what_it_sets_is_there_for_the_tasks(make_pool):
    local = threading.local()
    pool = make_pool(2, initializer=setattr, initargs=(local, "value", 7))
    assert [pool.submit(lambda: local.value).result(30) for _ in range(5)] == [7] * 5


def test_not_called_without_a_task(make_pool):
    called = []
    make_pool(2, initializer=called.append, initargs=(1,)).shutdown()
    assert called == []


@pytest.mark.parametrize("initializer", [5, "words", ()])
def test_must_be_callable(impl, initializer):
    with pytest.raises(TypeError, match="^initializer must be a callable"):
        impl.ThreadPoolExecutor(1, initializer=initializer)


def test_arguments_may_be_any_iterable(make_pool):
    called = []
    pool = make_pool(1, initializer=lambda *args: called.append(args), initargs=[1, 2])
    pool.submit(len, "").result(30)
    assert called == [(1, 2)]


# ---- that raise ----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Fault, SystemExit, KeyboardInterrupt])
def test_a_pool_is_broken(impl, make_pool, error, log):
    def fail():
        raise error("why")

    pool = make_pool(2, initializer=fail)
    broken = broken_class(impl)
    future = pool.submit(len, "")
    with pytest.raises(broken, match=f"^{WORDS}"):
        future.result(30)
    assert isinstance(future.exception(), impl.BrokenExecutor)
    for _ in range(2):
        with pytest.raises(broken, match=f"^{WORDS}"):
            pool.submit(len, "")
    pool.shutdown()
    assert "Exception in initializer:" in log.messages
    assert {record.levelname for record in log.records} == {"CRITICAL"}
    assert {type(found) for found in log.errors} == {error}


def test_what_is_queued_fails(impl, make_pool, log):
    gate = threading.Event()

    def fail():
        gate.wait()
        raise Fault

    pool = make_pool(1, initializer=fail)
    futures = [pool.submit(len, "") for _ in range(10)]
    gate.set()
    for future in futures:
        assert isinstance(future.exception(30), broken_class(impl))
    assert len({id(future.exception()) for future in futures}) == 10


def test_one_worker_of_several(impl, make_pool, log):
    """What runs elsewhere is finished."""
    turns, gate = iter([True, False]), threading.Event()

    def initialize():
        if not next(turns):
            raise Fault

    pool = make_pool(2, initializer=initialize)
    running = pool.submit(gate.wait)
    queued = pool.submit(len, "")
    assert isinstance(queued.exception(30), broken_class(impl))
    with pytest.raises(broken_class(impl)):
        pool.submit(len, "")
    gate.set()
    assert running.result(30) is True


@pytest.mark.ours
def test_the_cause_is_told(make_pool, log):
    pool = make_pool(1, initializer=fail)
    error = pool.submit(len, "").exception(30)
    assert type(error.__cause__) is Fault
    with pytest.raises(RuntimeError) as caught:
        pool.submit(len, "")
    assert type(caught.value.__cause__) is Fault


@pytest.mark.ours
def test_with_cancelled_tasks_in_the_queue(impl, make_pool, log):
    """The standard library sets an exception on what is cancelled, and that fails."""
    gate = threading.Event()

    def fail():
        gate.wait()
        raise Fault

    pool = make_pool(1, initializer=fail)
    futures = [pool.submit(len, "") for _ in range(4)]
    assert futures[0].cancel() and futures[2].cancel()
    gate.set()
    assert impl.wait(futures, 30).not_done == set()
    assert [future.cancelled() for future in futures] == [True, False, True, False]


def test_callbacks_of_what_fails(impl, make_pool, log):
    pool, seen, gate = make_pool(1, initializer=lambda: gate.wait() and fail()), [], threading.Event()
    future = pool.submit(len, "")
    future.add_done_callback(lambda done: seen.append(type(done.exception())))
    gate.set()
    pool.shutdown()
    assert seen == [broken_class(impl)]


def test_wrong_arguments(impl, make_pool, log):
    pool = make_pool(1, initializer=len, initargs=(1, 2))
    assert isinstance(pool.submit(len, "").exception(30), broken_class(impl))


def test_map_over_a_broken_pool(impl, make_pool, log):
    pool = make_pool(1, initializer=fail)
    with pytest.raises(broken_class(impl)):
        list(pool.map(len, ["a"] * 1000))


# ---- contexts of one's own -----------------------------------------------------------------------


@pytest.fixture
def contexts(impl):
    """A pool class with contexts that write down what is done with them."""
    from importlib import import_module

    thread, log = import_module(impl.__name__ + ".thread"), []

    class Context(thread.WorkerContext):
        @classmethod
        def prepare(cls, initializer, initargs, *, factor):
            log.append(("prepare", initargs, factor))

            def create_context():
                log.append(("create", threading.current_thread() is threading.main_thread()))
                return cls(initializer, initargs)

            def resolve_task(fn, args, kwargs):
                if fn is fail:
                    raise Fault("this can't be sent")
                return fn, args, factor

            return create_context, resolve_task

        def initialize(self):
            log.append(("initialize", threading.current_thread() is threading.main_thread()))
            super().initialize()

        def run(self, task):
            fn, args, factor = task
            return fn(*args) * factor

        def finalize(self):
            log.append(("finalize", threading.current_thread() is threading.main_thread()))

    class Pool(impl.ThreadPoolExecutor):
        @classmethod
        def prepare_context(cls, initializer, initargs, *, factor=1):
            return Context.prepare(initializer, initargs, factor=factor)

    Pool.log = log
    return Pool


@pytest.mark.since(3, 14)
def test_a_context_of_ones_own(contexts):
    called = []
    with contexts(1, "", called.append, ("arg",), factor=10) as pool:
        assert pool.submit(len, "abc").result(30) == 30
        assert pool.submit(max, 1, 2).result(30) == 20
        assert list(pool.map(len, ["a", "bc"])) == [10, 20]
        assert isinstance(pool.submit(len).exception(30), TypeError)
    assert contexts.log == [
        ("prepare", ("arg",), 10),
        ("create", True),
        ("initialize", False),
        ("finalize", False),
    ]
    assert called == ["arg"]


@pytest.mark.since(3, 14)
def test_a_task_that_can_not_be_prepared(contexts):
    """submit() raises, and the pool is as before."""
    with contexts(1, factor=3) as pool:
        with pytest.raises(Fault, match="this can't be sent"):
            pool.submit(fail)
        assert pool._work_queue.qsize() == 0
        assert pool.submit(len, "abc").result(30) == 9


@pytest.mark.since(3, 14)
def test_unknown_options_of_a_context(contexts, impl):
    with pytest.raises(TypeError):
        contexts(1, divisor=3)
    with pytest.raises(TypeError):
        impl.ThreadPoolExecutor(1, factor=3)


@pytest.mark.since(3, 14)
def test_a_context_that_can_not_be_initialized(contexts, impl, log):
    with contexts(1, initializer=fail) as pool:
        error = pool.submit(len, "").exception(30)
    assert type(error) is broken_class(impl)


@pytest.mark.since(3, 14)
def test_a_class_of_errors_of_ones_own(contexts, log):
    class Broken(RuntimeError):
        pass

    contexts.BROKEN = Broken
    with contexts(1, initializer=fail) as pool:
        assert type(pool.submit(len, "").exception(30)) is Broken
        with pytest.raises(Broken, match=f"^{WORDS}"):
            pool.submit(len, "")


@pytest.mark.since(3, 14)
def test_a_patched_run(impl, monkeypatch):
    """As tracing tools do it."""
    from importlib import import_module

    context = import_module(impl.__name__ + ".thread").WorkerContext
    run = context.run
    monkeypatch.setattr(context, "run", lambda self, task: run(self, task) + 1)
    with impl.ThreadPoolExecutor(1) as pool:
        assert pool.submit(len, "abc").result(30) == 4
