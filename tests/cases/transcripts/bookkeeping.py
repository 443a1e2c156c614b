"""What tools read and set of the module threading: its tables, hooks, and the end of the program."""

import _thread
import atexit
import sys
import threading

from prelude import say, trial

seen = []
plain_start = threading.Thread.start


def start(self):
    self.parent = threading.current_thread().name
    self.stack = "where"
    return plain_start(self)


threading.Thread.start = start
thread = threading.Thread(target=lambda: seen.append(threading.current_thread().parent), name="child")
thread.start()
thread.join()
threading.Thread.start = plain_start
say(seen, thread.parent, thread.stack)
plain_run = threading.Thread.run


def run(self):
    seen.append("wrapped run")
    plain_run(self)


threading.Thread.run = run
thread = threading.Thread(target=int)
thread.start()
thread.join()
threading.Thread.run = plain_run
say(seen)
plain_bootstrap = threading.Thread._bootstrap_inner


def bootstrap(self):
    seen.append("wrapped bootstrap")
    plain_bootstrap(self)


threading.Thread._bootstrap_inner = bootstrap
thread = threading.Thread(target=int)
thread.start()
thread.join()
threading.Thread._bootstrap_inner = plain_bootstrap
say(seen)
gate = threading.Event()
thread = threading.Thread(target=gate.wait, name="waiter")
thread.start()
say(threading._active[thread.ident] is thread, thread in threading.enumerate(), threading.active_count())
say(
    len(threading._limbo),
    thread in threading._dangling,
    threading.main_thread() is threading.current_thread(),
)
with threading._active_limbo_lock:
    say(sorted(t.name for t in threading._active.values()), [t.name for t in threading._enumerate()])
say(sorted(t.name for t in threading.enumerate()), threading.get_ident() in sys._current_frames())
gate.set()
thread.join()
say(thread.ident in threading._active, thread.is_alive())
hooked = []
plain_hook = threading.excepthook
threading.excepthook = lambda args: hooked.append((args.exc_type, str(args.exc_value), args.thread.name))
thread = threading.Thread(target=lambda: 1 / 0, name="fails")
thread.start()
thread.join()
say(hooked)
threading.excepthook = plain_hook
thread = threading.Thread(target=sys.exit, args=["silent"])
thread.start()
thread.join()
args = threading.ExceptHookArgs([ValueError, ValueError("x"), None, None])
say(args.exc_type, args.thread)
trial(lambda: threading.ExceptHookArgs((1, 2)))
trial(lambda: threading.excepthook((1,)))
traced = []


def tracer(frame, event, arg):
    traced.append((event, frame.f_code.co_name))


def work():
    return 1


threading.settrace(tracer)
thread = threading.Thread(target=work)
thread.start()
thread.join()
threading.settrace(None)
say(("call", "work") in traced, ("call", "run") in traced)
traced.clear()
threading.setprofile(tracer)
thread = threading.Thread(target=work)
thread.start()
thread.join()
threading.setprofile(None)
say(("call", "work") in traced, ("return", "run") in traced, ("return", "work") in traced)
if sys.version_info >= (3, 12):
    gate, ready, traced = threading.Event(), threading.Event(), []

    def loop():
        ready.set()
        gate.wait()
        work()

    thread = threading.Thread(target=loop)
    thread.start()
    ready.wait()
    threading.settrace_all_threads(tracer)
    gate.set()
    thread.join()
    threading.settrace_all_threads(None)
    sys.settrace(None)
    threading.settrace(None)
    say(("call", "work") in traced)
    say(threading.gettrace())
trial(lambda: threading.stack_size())
trial(lambda: threading.stack_size(1))
trial(lambda: threading.stack_size(-1))
say(threading.TIMEOUT_MAX > 1e6)
gate = threading.Event()
threading._register_atexit(gate.set)
threading._register_atexit(say, "at exit of threading")
atexit.register(lambda: say("atexit", threading.active_count()))
plain_shutdown = threading._shutdown


def shutdown():
    say("shutdown begins", threading.current_thread().name)
    plain_shutdown()
    say("shutdown ends")
    sys.stdout.flush()


threading._shutdown = shutdown


def late():
    gate.wait()
    say("late thread ends")


threading.Thread(target=late, name="late").start()


def foreign():
    me = threading.current_thread()
    say(
        type(me).__name__, me.name.rstrip("0123456789"), me.daemon, me.is_alive(), me in threading.enumerate()
    )
    trial(lambda: setattr(me, "daemon", False))
    done.set()


done = threading.Event()
_thread.start_new_thread(foreign, ())
done.wait()
say(threading.current_thread(), threading.main_thread().name)
threading.main_thread().name = "renamed"
say(threading.current_thread().name)
