"""Join handles."""

import _thread
import math
import signal
import sys
import threading
import weakref

import psutil
import pytest

import hasten._thread as hasten_thread


@pytest.fixture
def gate(tools):
    """A lock that is locked; a thread that must stay alive acquires it."""
    lock = _thread.allocate_lock()
    lock.acquire()
    return lock


def test_a_new_handle(joinable):
    handle = joinable._ThreadHandle()
    assert (handle.ident, handle.is_done()) == (0, False)
    assert repr(handle) == "<_thread._ThreadHandle object: ident=0>"
    for call in handle.join, handle._set_done:
        with pytest.raises(RuntimeError, match="thread not started"):
            call()
    with pytest.raises(AttributeError):
        handle.ident = 5
    with pytest.raises(TypeError):
        type("Sub", (joinable._ThreadHandle,), {})


def test_start_and_join(joinable):
    seen = []
    handle = joinable.start_joinable_thread(lambda: seen.append(_thread.get_ident()))
    assert handle.join() is None
    assert seen == [handle.ident]
    assert handle.is_done()
    assert handle.join() is None and handle.join(0) is None
    assert repr(handle) == f"<_thread._ThreadHandle object: ident={handle.ident}>"


def test_a_handle_is_good_for_one_thread(joinable):
    handle = joinable._ThreadHandle()
    assert joinable.start_joinable_thread(int, handle=handle) is handle
    with pytest.raises(RuntimeError, match="thread already started"):
        joinable.start_joinable_thread(int, handle)
    handle.join()
    with pytest.raises(RuntimeError, match="thread already started"):
        joinable.start_joinable_thread(int, handle)


def test_wrong_arguments(joinable):
    with pytest.raises(TypeError, match="thread function must be callable"):
        joinable.start_joinable_thread(1)
    with pytest.raises(TypeError, match="'handle' must be a _ThreadHandle"):
        joinable.start_joinable_thread(int, handle=1)
    for arguments in (), (int, None, False, 1):
        with pytest.raises(TypeError):
            joinable.start_joinable_thread(*arguments)


def test_join_with_timeout(joinable, gate):
    handle = joinable.start_joinable_thread(gate.acquire)
    assert handle.join(0) is None
    assert handle.join(0.01) is None
    assert not handle.is_done()
    with pytest.raises(ValueError, match="NaN"):
        handle.join(math.nan)
    for bad in "x", []:
        with pytest.raises(TypeError):
            handle.join(bad)
    with pytest.raises(TypeError):
        handle.join(1, 2)
    gate.release()
    handle.join(20)
    assert handle.is_done()


def test_huge_timeout(gate):
    handle = hasten_thread.start_joinable_thread(gate.acquire)
    for huge in math.inf, 1e300, 10**400:
        with pytest.raises(OverflowError):
            handle.join(huge)
    gate.release()
    handle.join(_thread.TIMEOUT_MAX)
    assert handle.is_done()


def test_negative_timeout_is_none(joinable, gate, tools):
    handle = joinable.start_joinable_thread(gate.acquire)
    joiner = tools.Background(handle.join, -1).blocked()
    gate.release()
    joiner.wait()
    assert handle.is_done()


def test_join_itself(joinable):
    handle, errors = joinable._ThreadHandle(), []
    ready = _thread.allocate_lock()
    ready.acquire()

    def body():
        ready.acquire()
        for timeout in None, 0:
            try:
                handle.join(timeout)
            except RuntimeError as error:
                errors.append(str(error))

    joinable.start_joinable_thread(body, handle)
    ready.release()
    handle.join()
    assert errors == ["Cannot join current thread"] * 2


def test_many_joiners(joinable, gate, tools):
    handle = joinable.start_joinable_thread(gate.acquire)
    joiners = [tools.Background(handle.join, 20 if n % 2 else None).blocked() for n in range(10)]
    impatient = [tools.Background(handle.join, 0.001) for _ in range(10)]
    gate.release()
    for joiner in joiners + impatient:
        assert joiner.wait() is None
    assert handle.is_done()


def test_after_join_the_os_thread_is_gone(joinable, tools):
    process = psutil.Process()
    seen = []
    for _ in range(200):
        handle = joinable.start_joinable_thread(lambda: seen.append(_thread.get_native_id()))
        handle.join()
        # the kernel frees it before /proc has forgotten it
        tools.wait_until(lambda: seen[-1] not in [thread.id for thread in process.threads()])


def test_dropped_handles_leave_nothing(joinable, gate, tools):
    before = joinable._count()
    for _ in range(50):
        joinable.start_joinable_thread(int)
    joinable.start_joinable_thread(gate.acquire)
    tools.wait_until(lambda: joinable._count() > before)
    gate.release()
    tools.wait_until(lambda: joinable._count() == before)


def test_local_destructors_run_before_join_returns(joinable):
    local, dead = threading.local(), []

    class Value:
        def __del__(self):
            dead.append(1)

    for turn in range(20):
        joinable.start_joinable_thread(lambda: setattr(local, "value", Value())).join()
        assert len(dead) == turn + 1


def test_set_done(joinable, gate, tools):
    handle = joinable.start_joinable_thread(gate.acquire)
    joiner = tools.Background(handle.join).blocked()
    handle._set_done()
    assert handle.is_done()
    joiner.wait()
    handle.join()
    gate.release()


def test_handle_of_a_foreign_thread(joinable):
    handle = joinable._make_thread_handle(12345)
    assert (handle.ident, handle.is_done()) == (12345, False)
    handle.join(0.001)
    assert not handle.is_done()
    handle._set_done()
    handle.join()
    with pytest.raises(TypeError, match="ident must be an integer"):
        joinable._make_thread_handle("5")
    for bad in -1, 2**70:
        with pytest.raises(OverflowError):
            joinable._make_thread_handle(bad)
    del handle
    for number in range(1000):
        joinable._make_thread_handle(number)


def test_exception_in_the_thread(joinable, monkeypatch):
    caught = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: caught.append(args.exc_type))
    for error in ZeroDivisionError, SystemExit, KeyboardInterrupt:

        def body(error=error):
            raise error

        joinable.start_joinable_thread(body).join()
    assert caught == [ZeroDivisionError, KeyboardInterrupt]


def test_function_is_freed_when_join_returns(joinable):
    class Task:
        def __call__(self):
            pass

    task = Task()
    reference = weakref.ref(task)
    handle = joinable.start_joinable_thread(task)
    del task
    handle.join()
    assert reference() is None


@pytest.mark.parametrize("timeout", [None, 20])
def test_handler_that_raises_ends_join(joinable, gate, timeout):
    def stop(*_):
        raise ZeroDivisionError

    before = signal.signal(signal.SIGALRM, stop)
    handle = joinable.start_joinable_thread(gate.acquire)
    try:
        with pytest.raises(ZeroDivisionError):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            handle.join(timeout)
    finally:
        signal.signal(signal.SIGALRM, before)
    gate.release()
    handle.join()


def test_ctrl_c_ends_join_on_the_main_thread(tools):
    finished = tools.run_script(
        """
        import os, signal
        import hasten._thread as t
        lock = t.allocate_lock()
        lock.acquire()
        handle = t.start_joinable_thread(lock.acquire)
        inside = []
        def soon():
            while not inside:
                os.sched_yield()
            seen = 0
            while seen < 20:  # not only asleep because it waits for the GIL
                with open(f"/proc/{os.getpid()}/stat") as stat:
                    seen = seen + 1 if stat.read().rpartition(")")[2].split()[0] == "S" else 0
                os.sched_yield()
            os.kill(os.getpid(), signal.SIGINT)
        for wait in (handle.join, lock.acquire):
            inside.clear()
            helper = t.start_joinable_thread(soon)
            try:
                inside.append(True)
                wait()
            except KeyboardInterrupt:
                print("interrupted")
            helper.join()
        lock.release()
        """
    )
    assert finished.stdout.split() == ["interrupted"] * 2


def test_fork_makes_handles_done(joinable, gate, tools):
    handle = joinable.start_joinable_thread(gate.acquire)
    foreign = joinable._make_thread_handle(12345)

    def child():
        assert handle.is_done() and foreign.is_done()
        handle.join()
        assert joinable._count() == 0 or joinable is not hasten_thread
        new = joinable.start_joinable_thread(int)
        new.join()
        joinable._shutdown()

    assert tools.in_child(child) == 0
    assert not handle.is_done()
    gate.release()
    handle.join()


def test_fork_in_a_thread(tools):
    result = []

    def child():
        assert hasten_thread._count() == 1
        assert not mine.is_done() and other.is_done()
        hasten_thread.start_joinable_thread(int).join()

    gate = _thread.allocate_lock()
    gate.acquire()
    other = hasten_thread.start_joinable_thread(gate.acquire)
    mine = hasten_thread._ThreadHandle()
    hasten_thread.start_joinable_thread(lambda: result.append(tools.in_child(child)), mine)
    mine.join()
    assert result == [0]
    gate.release()
    other.join()


def test_fork_while_threads_start(tools):
    """Threads that have not reached the interpreter yet when the process is copied."""
    before = hasten_thread._count()
    for _ in range(20):
        for _ in range(8):
            hasten_thread.start_new_thread(int, ())

        def child():
            assert len(sys._current_frames()) == 1
            hasten_thread.start_joinable_thread(int).join()

        assert tools.in_child(child) == 0
    tools.wait_until(lambda: hasten_thread._count() == before)


def test_start_and_join_from_many_threads(tools):
    def work():
        for _ in range(50):
            handles = [hasten_thread.start_joinable_thread(int) for _ in range(4)]
            for handle in handles:
                handle.join()
                assert handle.is_done()

    for worker in [tools.Background(work) for _ in range(4)]:
        worker.wait()


def test_fork_while_another_thread_is_in_a_join(tools):
    """The thread is done, its OS thread takes its time, and the one that joins it is not in the child."""
    finished = tools.run_script(
        """
        import ctypes, os, signal, warnings
        import hasten._thread as t
        warnings.simplefilter("ignore")
        libc, key = ctypes.CDLL(None), ctypes.c_uint()
        # usleep() as the destructor of a thread's local value: that many microseconds after the Python thread
        assert libc.pthread_key_create(ctypes.byref(key), ctypes.cast(libc.usleep, ctypes.c_void_p)) == 0
        libc.pthread_setspecific.argtypes = [ctypes.c_uint, ctypes.c_void_p]
        for turn in range(4):
            slow = t.start_joinable_thread(lambda: libc.pthread_setspecific(key, 100000))
            joiner = t.start_joinable_thread(slow.join)
            while not joiner.is_done():
                t.start_joinable_thread(int).join()  # each start looks at the threads that have ended
                pid = os.fork()
                if pid == 0:
                    signal.alarm(20)
                    slow.join()
                    t.start_joinable_thread(int).join()
                    os._exit(7)
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
            joiner.join()
        """
    )
    assert (finished.stdout, finished.stderr) == ("", "")
