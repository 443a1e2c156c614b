"""What programs and tools do with futures and pools: combine classes, replace parts, look at workers."""

import gc
import inspect
import queue
import sys
import threading
import weakref
from importlib import import_module

import pytest

LIMIT = 20


class Slotted:
    __slots__ = ("note",)


@pytest.mark.parametrize("other", [Exception, dict, list, set, int, threading.Thread, Slotted])
def test_a_future_combines_with_any_class(impl, other):
    class Both(impl.Future, other):
        def __init__(self):
            other.__init__(self)
            impl.Future.__init__(self)

    future = Both()
    future.set_result("done")
    assert future.result(timeout=0) == "done"


@pytest.mark.parametrize("other", [Exception, threading.Thread, Slotted])
def test_a_pool_combines_with_any_class(impl, other):
    class Both(other, impl.ThreadPoolExecutor):
        def __init__(self):
            other.__init__(self)
            impl.ThreadPoolExecutor.__init__(self, 1)

    with Both() as pool:
        assert pool.submit(pow, 2, 3).result(LIMIT) == 8


@pytest.mark.parametrize("name", ["result", "cancel", "set_result", "add_done_callback", "_invoke_callbacks"])
def test_the_methods_of_a_future_bind_as_python_functions(impl, name):
    future = impl.Future()
    method = getattr(future, name)
    assert inspect.ismethod(method)
    assert method.__func__ is getattr(impl.Future, name)
    assert weakref.WeakMethod(method)() == method
    assert method.__func__.__code__.co_name == name


@pytest.mark.parametrize("name", ["submit", "map", "shutdown", "__init__"])
def test_the_methods_of_a_pool_have_byte_code(impl, name):
    assert inspect.isfunction(getattr(impl.ThreadPoolExecutor, name))


def test_the_byte_code_of_submit_can_be_exchanged(impl, make_pool, monkeypatch):
    def instead(self, fn, /, *args, **kwargs):
        return "instead"

    monkeypatch.setattr(impl.ThreadPoolExecutor.submit, "__code__", instead.__code__)
    assert make_pool(1).submit(pow, 2, 3) == "instead"


NAMES = (
    "_WorkItem _worker _threads_queues _python_exit _global_shutdown_lock _shutdown _base "
    "queue threading itertools types weakref os BrokenThreadPool"
)


@pytest.mark.parametrize("name", NAMES.split())
def test_the_module_of_the_pool_has_the_private_names(impl, name):
    assert hasattr(import_module(impl.__name__ + ".thread"), name)


def test_a_pool_is_made_whatever_the_modules_name_of_its_class_means(impl, monkeypatch):
    pool_class = impl.ThreadPoolExecutor
    module = import_module(f"{impl.__name__}.thread")
    monkeypatch.setattr(module, "ThreadPoolExecutor", lambda n: pool_class(n))
    with pool_class(1) as pool:
        assert pool.submit(pow, 2, 3).result(LIMIT) == 8


def test_an_idle_worker_is_in_a_place(impl, make_pool):
    pool = make_pool(1)
    pool.submit(int).result(LIMIT)
    (worker,) = pool._threads
    frame = sys._current_frames()[worker.ident]
    names = set()
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    assert "_worker" in names


def test_a_bounded_queue_in_place_of_the_pools_own(impl, make_pool):
    pool, go = make_pool(1), threading.Event()
    pool._work_queue = queue.Queue(maxsize=1)
    running = threading.Event()
    first = pool.submit(lambda: (running.set(), go.wait(LIMIT)))
    assert running.wait(LIMIT)
    second = pool.submit(pow, 2, 3)
    assert pool._work_queue.full()
    go.set()
    assert first.result(LIMIT) and second.result(LIMIT) == 8
    pool.shutdown()
    with pytest.raises(RuntimeError):
        pool.submit(int)


def test_items_of_the_queue_run_by_themselves(impl, make_pool):
    pool, go = make_pool(1), threading.Event()
    running = threading.Event()
    pool.submit(lambda: (running.set(), go.wait(LIMIT)))
    assert running.wait(LIMIT)
    future = pool.submit(pow, 2, 3)
    item = pool._work_queue.get_nowait()
    assert item.future is future
    pool._work_queue.put(item)
    go.set()
    assert future.result(LIMIT) == 8


def test_a_future_whose_callback_refers_to_it_is_collected(impl, make_pool):
    class Witness:
        pass

    pool, go = make_pool(1), threading.Event()
    future = pool.submit(go.wait, LIMIT)
    later = pool.submit(int)
    witness = Witness()
    seen = weakref.ref(witness)
    later.add_done_callback(lambda _, later=later, witness=witness: None)
    later.cancel()
    later._done_callbacks.append(lambda _, later=later, witness=witness: None)
    del later, witness
    go.set()
    future.result(LIMIT)
    pool.shutdown()
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize("name", ["_broken", "_shutdown", "_work_queue", "_max_workers", "submit"])
def test_a_pool_without_init_raises(impl, name):
    pool = impl.ThreadPoolExecutor.__new__(impl.ThreadPoolExecutor)
    with pytest.raises(AttributeError):
        value = getattr(pool, name)
        value(int) if name == "submit" else value()


def test_a_future_without_init_raises(impl):
    future = impl.Future.__new__(impl.Future)
    for ask in (future.result, future.cancel, future.done, lambda: future.set_result(1)):
        with pytest.raises(AttributeError):
            ask()


@pytest.mark.ours
def test_cancel_futures_cancels_all_whatever_a_callback_raises(impl):
    pool, go, running = impl.ThreadPoolExecutor(1), threading.Event(), threading.Event()
    pool.submit(lambda: (running.set(), go.wait(LIMIT)))
    assert running.wait(LIMIT)
    futures = [pool.submit(int) for _ in range(3)]

    def interrupt(future):
        raise KeyboardInterrupt

    futures[0].add_done_callback(interrupt)
    with pytest.raises(KeyboardInterrupt):
        pool.shutdown(wait=False, cancel_futures=True)
    go.set()
    assert all(future.cancelled() for future in futures)
    pool.shutdown()


def interrupt_at(line, filename):
    """A trace function that raises at the line event number *line* of a file, and the events it has seen."""
    events = []

    def trace(frame, event, arg):
        if frame.f_code.co_filename == filename and event == "line":
            events.append(frame.f_lineno)
            if len(events) == line:
                raise KeyboardInterrupt
        return trace

    return trace, events


@pytest.mark.ours
def test_an_interrupt_at_any_line_of_submit_leaves_a_pool_that_works(impl):
    filename = import_module("hasten.futures.thread").__file__
    line, events = 0, []
    while len(events) >= line:
        line += 1
        pool = impl.ThreadPoolExecutor(1)
        trace, events = interrupt_at(line, filename)
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            pool.submit(int)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        assert pool.submit(pow, 2, 3).result(LIMIT) == 8, f"after an interrupt at line event {line}"
        pool.shutdown()
    assert line > 3
