"""What classes, functions and errors tell of themselves under the launcher: what they tell under python."""

import pytest

NAMES = {
    "queue": "Queue LifoQueue PriorityQueue SimpleQueue Empty Full Queue.put",
    "threading": "Thread Timer Event Condition Semaphore BoundedSemaphore Barrier BrokenBarrierError local "
    "ExceptHookArgs _DummyThread _MainThread Thread.start Event.set current_thread",
    "sched": "scheduler Event scheduler.enter",
    "subprocess": "Popen CompletedProcess CalledProcessError TimeoutExpired run Popen.wait",
    "concurrent.futures": "Future Executor ThreadPoolExecutor ProcessPoolExecutor CancelledError "
    "TimeoutError BrokenExecutor InvalidStateError wait as_completed ThreadPoolExecutor.submit",
}

HEADER = f"""\
import importlib, inspect, operator, pickle, queue, re, sys, threading, typing
def names():
    for module, names in {NAMES!r}.items():
        for name in names.split():
            yield name, operator.attrgetter(name)(importlib.import_module(module))
def outcome(function, *args):
    try: text = str(function(*args))
    except Exception as error: text = type(error).__name__ + ": " + str(error)
    return re.sub("0x[0-9a-f]+", "0x", text)
"""

SHOW = {
    "where it is from": "value.__module__, value.__qualname__, inspect.getmodule(value).__name__",
    "repr": "repr(value) if isinstance(value, type) else ''",
    "pickle": "[pickle.dumps(value, n) for n in range(pickle.HIGHEST_PROTOCOL + 1)]",
    "what it is": "inspect.isclass(value), inspect.isroutine(value), inspect.isabstract(value)",
    "file": "inspect.getfile(value) if value in (queue.Queue, threading.Thread, threading.Event) else ''",
}

INSTANCES = """\
import logging, queue, sched, subprocess, threading
import concurrent.futures as futures
errors = [queue.Empty("x"), queue.Full(), threading.BrokenBarrierError(1), futures.CancelledError(2),
          futures.TimeoutError(), futures.BrokenExecutor("b"), subprocess.CalledProcessError(1, "x", "out"),
          subprocess.TimeoutExpired("x", 3), subprocess.CompletedProcess(["x"], 0)]
for error in errors:
    print(outcome(repr, error), outcome(str, error), outcome(pickle.dumps, error))
    print(outcome(lambda: repr(pickle.loads(pickle.dumps(error)))))
things = [queue.Queue(), queue.PriorityQueue(2), threading.Event(), threading.Condition(), threading.Lock(),
          threading.RLock(), threading.Semaphore(3), threading.Thread(name="n"), threading.Timer(1, print),
          futures.Future(), threading.local(), sched.scheduler()]
for thing in things:
    # 3.10's own say less of themselves; the class of what it is made of is in the words of the error
    shown = outcome(repr, thing) if sys.version_info >= (3, 11) else type(thing)
    print(shown, outcome(pickle.dumps, thing).partition(":")[0])
form = "%(threadName)s %(module)s %(funcName)s %(name)s %(processName)s %(message)s"
logging.basicConfig(format=form, stream=sys.stdout)
thread = threading.Thread(target=lambda: logging.error("in a %s", "thread"), name="T")
thread.start()
thread.join()
try: queue.Queue().get_nowait()
except queue.Empty: print(sys.exc_info()[0], inspect.trace()[0].function)
"""


@pytest.mark.parametrize("what", SHOW)
def test_classes_and_functions(run, what):
    show = f"for name, value in names(): print(name, outcome(lambda: ({SHOW[what]})))\n"
    run.write("app.py", HEADER + show)
    expected, result = run.python("app.py"), run.hasten("app.py")
    assert expected.status == 0 and (result.status, result.err) == (0, "")
    lines = expected.out.splitlines()
    assert result.out.splitlines() == lines
    assert len(lines) > 30


def test_instances_and_errors(run):
    run.write("app.py", HEADER + INSTANCES)
    expected = run.python("app.py")
    assert expected.status == 0 and "CalledProcessError" in expected.out
    assert run.hasten("app.py") == expected


def test_what_is_in_c_there_has_its_name(run):
    """Nothing says that it is hasten's, and a pickle can be read by a plain interpreter."""
    run.write("app.py", "import pickle, queue\ncls = queue.SimpleQueue\nprint((cls, pickle.dumps(cls)))\n")
    result = run.hasten("app.py")
    assert result.out.startswith("(<class '_queue.SimpleQueue'>, b") and "hasten" not in result.out
    text = result.out.strip().partition(", ")[2][:-1]
    run.write("load.py", f"import pickle, queue\nprint(pickle.loads({text}) is queue.SimpleQueue)\n")
    assert run.python("load.py").out == "True\n"


def test_it_says_its_own_name_again(run):
    """When the module is no longer replaced, and from the start where it never was."""
    source = """\
import hasten.queue, hasten.patch
print(hasten.queue.SimpleQueue, hasten.queue.SimpleQueue())
with hasten.patch.install("queue"):
    import queue
    print(queue.SimpleQueue)
print(hasten.queue.SimpleQueue)
"""
    lines = run.check(source).splitlines()
    assert lines[0].startswith("<class 'hasten.queue.SimpleQueue'> <hasten.queue.SimpleQueue object")
    assert lines[1:] == ["<class '_queue.SimpleQueue'>", "<class 'hasten.queue.SimpleQueue'>"]


HELP = """\
import pydoc, sys
for name in sys.argv[1:]:
    text = pydoc.render_doc(pydoc.locate(name), renderer=pydoc.plaintext)
    print(name, text.splitlines()[0], "hasten" in text.split("Method resolution")[0])
"""


def test_help(run):
    """It is about the same object, at the same place."""
    run.write("app.py", HELP)
    args = [
        "app.py",
        "threading.Thread",
        "queue.Queue",
        "queue.Queue.put",
        "subprocess.run",
        "threading.Timer.cancel",
    ]
    expected = run.python(*args)
    assert expected.out.count("False") == 5
    assert run.hasten(*args) == expected


def test_type_hints_and_signatures_can_be_asked_for(run):
    source = "for name, value in names():\n    print(name, outcome(typing.get_type_hints, value))\n"
    run.write("app.py", HEADER + source)
    result = run.hasten("app.py")
    assert (result.status, result.err) == (0, "") and "Error: " not in result.out
