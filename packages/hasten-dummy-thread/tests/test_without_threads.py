"""Where there are no threads, or the program says so; and the standard library's threading over this."""

import _thread

THREADLESS = """
import _thread
def refuse(*args, **kwargs):
    raise RuntimeError("can't start new thread")
_thread.start_new_thread = _thread.start_new = _thread.start_joinable_thread = refuse
"""


def test_it_works_where_threads_cannot_be_started(python):
    program = """
    import hasten._dummy_thread as thread
    thread.start_new_thread(print, ("ran",))
    """
    assert python(THREADLESS + "\n".join(line.strip() for line in program.splitlines())) == "ran\n"


def test_the_old_idiom(python):
    program = """
    import sys
    sys.modules["_thread"] = None
    try:
        import _thread
    except ImportError:
        import hasten._dummy_thread as _thread
    lock = _thread.allocate_lock()
    with lock:
        _thread.start_new_thread(print, ("ran", lock.locked()))
    print(_thread.get_native_id() > 0, _thread.TIMEOUT_MAX)
    local = _thread.get_ident() == _thread._get_main_thread_ident()
    print(local, sorted({"threading"} & set(sys.modules)))
    """
    assert python(program) == f"ran True\nTrue {_thread.TIMEOUT_MAX}\nTrue []\n"


def test_a_system_that_does_not_number_its_threads(python):
    program = """
    import _thread, os
    if hasattr(_thread, "get_native_id"):
        del _thread.get_native_id
    import hasten._dummy_thread as thread
    print(thread.get_native_id() == os.getpid())
    """
    assert python(program) == "True\n"


OVER_IT = """
import sys
import hasten._dummy_thread
for name in ("threading", "_threading_local"):
    sys.modules.pop(name, None)
real = sys.modules["_thread"]
sys.modules["_thread"] = hasten._dummy_thread
import threading
sys.modules["_thread"] = real
assert threading.get_ident is hasten._dummy_thread.get_ident
seen = []
def work(n):
    seen.append((n, threading.current_thread().name, threading.current_thread().is_alive()))
    with lock:
        local.x = n
lock, local = threading.RLock(), threading.local()
threads = [threading.Thread(target=work, args=(n,), name=f"t{n}") for n in range(3)]
for thread in threads:
    thread.start()
    assert not thread.is_alive(), thread
    thread.join()
print(seen)
event = threading.Event()
threading.Thread(target=event.set).start()
print(event.wait(), threading.active_count())
with threading.Semaphore(2), threading.Condition() as condition:
    print(threading.Barrier(1).wait())
"""


def test_the_standard_library_runs_over_it(python):
    assert python(OVER_IT) == ("[(0, 't0', True), (1, 't1', True), (2, 't2', True)]\nTrue 1\n0\n")
