"""The end of the interpreter, with threads in every state.  Nothing is redirected: stdlib threading
does not know about hasten."""

import sys
import sysconfig

import pytest

REFUSES = pytest.mark.skipif(
    sys.version_info[:2] == (3, 12), reason="3.12 starts no thread once the end of the interpreter has begun"
)
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


@REFUSES
def test_non_daemon_threads_are_joined(tools):
    finished = tools.run_script(
        """
        import atexit, time
        import hasten._thread as t
        atexit.register(print, "atexit")
        main_is_over, told = t.allocate_lock(), t.allocate_lock()
        main_is_over.acquire()
        told.acquire()
        def late():
            main_is_over.acquire()
            time.sleep(0.2)
            t.start_joinable_thread(lambda: (told.acquire(), time.sleep(0.1), print("second")), daemon=False)
            print("first")
            told.release()
        t.start_joinable_thread(late, daemon=False)
        print("main")
        main_is_over.release()
        """
    )
    assert finished.stdout.split() == ["main", "first", "second", "atexit"]
    assert finished.stderr == ""


def test_daemon_threads_are_not(tools):
    finished = tools.run_script(
        """
        import time
        import hasten._thread as t
        locks = []
        def sleep(): time.sleep(1000)
        def spin():
            while True: pass
        def park():
            lock = t.allocate_lock()
            lock.acquire()
            lock.acquire()
        def join():
            t.start_joinable_thread(sleep).join()
        for body in (sleep, spin, park, join) * 3:
            t.start_joinable_thread(body)
            t.start_new_thread(body, ())
        print("main")
        """
    )
    assert finished.stdout.split() == ["main"]
    assert finished.stderr == ""


@REFUSES
def test_threads_may_be_started_while_exit_functions_run(tools):
    finished = tools.run_script(
        """
        import atexit
        def at_exit():
            h = t.start_joinable_thread(lambda: print("in thread"))
            h.join()
            t.start_joinable_thread(lambda: print("not joined by us"), daemon=False)
        atexit.register(lambda: print(t._count()))
        import hasten._thread as t
        atexit.register(at_exit)
        """,
        check=False,
    )
    if sys.version_info[:2] == (3, 12):
        assert "can't create new thread at interpreter shutdown" in finished.stderr
    else:
        assert finished.stdout.splitlines() == ["in thread", "not joined by us", "0"]


def test_start_during_finalization(tools):
    finished = tools.run_script(
        """
        import os, sys
        import hasten._thread as t
        class AtTheEnd:
            def __init__(self):
                self.start, self.write = t.start_new_thread, os.write
                self.finalizing = sys.is_finalizing
            def __del__(self):
                assert self.finalizing()
                try:
                    self.start(int, ())
                except RuntimeError as error:
                    self.write(1, str(error).encode())
        sys.the_end = AtTheEnd()
        """
    )
    assert finished.stdout == "can't create new thread at interpreter shutdown"


@pytest.mark.parametrize("kind", ["new", "joinable", "chain"])
def test_threads_pending_at_exit(tools, kind):
    """Threads that were started and have not run when the interpreter ends must not touch it any more."""
    if kind == "chain" and FREE_THREADED:
        pytest.skip("without a GIL no start waits, and the system runs out of threads")
    source = """
        import hasten._thread as t
        import sys
        def chain():
            t.start_new_thread(chain, ())
        for _ in range(int(sys.argv[2])):
            if sys.argv[1] == "new": t.start_new_thread(int, ())
            if sys.argv[1] == "joinable": t.start_joinable_thread(int)
            if sys.argv[1] == "chain": t.start_new_thread(chain, ())
        """
    for turn in range(17):
        finished = tools.run_script(source, kind, str(1 + turn % 5))
        assert (finished.stdout, finished.stderr) == ("", "")


def test_ctrl_c_while_exit_waits(tools):
    finished = tools.run_script(
        """
        import os, signal
        import hasten._thread as t
        def body():
            seen = 0
            while seen < 20:
                with open(f"/proc/{os.getpid()}/stat") as stat:
                    seen = seen + 1 if stat.read().rpartition(")")[2].split()[0] == "S" else 0
                os.sched_yield()
            os.kill(os.getpid(), signal.SIGINT)
            lock = t.allocate_lock()
            lock.acquire()
            lock.acquire(True, 0.2)
        t.start_joinable_thread(body, daemon=False)
        """,
        check=False,
    )
    assert "KeyboardInterrupt" in finished.stderr


def test_threading_over_hasten(tools):
    """The standard library's threading.py, run with our module in the place of `_thread`."""
    finished = tools.run_script(
        """
        import sys
        import hasten._thread
        sys.modules["_thread"] = hasten._thread
        sys.modules.pop("threading", None)
        import threading, time
        ours = hasten._thread.start_joinable_thread, hasten._thread.start_new_thread
        assert (getattr(threading, "_start_joinable_thread", None) or threading._start_new_thread) in ours
        seen = []
        threads = [threading.Thread(target=seen.append, args=(n,), name=f"n{n}") for n in range(50)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert sorted(seen) == list(range(50))
        assert not any(thread.is_alive() for thread in threads)
        threading.settrace(lambda *args: seen.append("trace"))
        thread = threading.Thread(target=lambda: None)
        thread.start(); thread.join()
        assert "trace" in seen
        def excepthook(args): print(args.exc_type.__name__, args.thread.name)
        threading.excepthook = excepthook
        thread = threading.Thread(target=lambda: 1 / 0, name="unlucky")
        thread.start(); thread.join()
        threading.Thread(target=lambda: (time.sleep(0.1), print("joined at exit"))).start()
        threading.Thread(target=lambda: time.sleep(1000), daemon=True).start()
        """
    )
    assert finished.stdout.splitlines() == ["ZeroDivisionError unlucky", "joined at exit"]
