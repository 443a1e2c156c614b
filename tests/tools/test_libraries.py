"""Libraries that hook into threads, pools and futures."""

import os

import pytest


def test_sentry(tools):
    tools.need("sentry-sdk")
    program = """
import concurrent.futures, sys, threading
import sentry_sdk
from sentry_sdk.transport import Transport
seen = []
class Keep(Transport):
    def capture_envelope(self, envelope): seen.append(envelope)
sentry_sdk.init("http://key@127.0.0.1:9/1", transport=Keep)
threading.excepthook = lambda args: None
def fail(): raise ValueError("in a thread")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
with concurrent.futures.ThreadPoolExecutor(1) as pool:
    assert pool.submit(pow, 2, 3).result() == 8
sentry_sdk.flush()
events = [item.payload.json for envelope in seen for item in envelope.items if item.type == "event"]
print([event["exception"]["values"][0]["value"] for event in events])
"""
    assert tools.run("-c", program) == "['in a thread']\n"


@pytest.mark.parametrize(
    ("first", "launcher"),
    [
        ("import ddtrace, concurrent.futures; ddtrace.patch(futures=True)", ["-m", "hasten"]),
        ("import ddtrace; ddtrace.patch(futures=True)", ["-m", "hasten"]),
        ("import ddtrace.auto", ["-m", "hasten"]),
        ("import concurrent.futures.thread, ddtrace.auto", ["-m", "hasten"]),
        ("pass", ["-m", "ddtrace.commands.ddtrace_run", "python", "-m", "hasten"]),
    ],
)
def test_ddtrace(tools, first, launcher):
    tools.need("ddtrace")
    tools.env.update(
        DD_TRACE_ENABLED="true",
        DD_INSTRUMENTATION_TELEMETRY_ENABLED="false",
        DD_REMOTE_CONFIGURATION_ENABLED="false",
        PATH=f"{tools.environment.bin}{os.pathsep}{tools.env['PATH']}",
    )
    program = f"""
{first}
from ddtrace.trace import tracer
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(1) as pool, tracer.trace("outer") as outer:
    def inner():
        with tracer.trace("inner") as span:
            return span.trace_id, span.parent_id
    assert pool.submit(inner).result() == (outer.trace_id, outer.span_id)
    assert list(pool.map(lambda n: inner(), range(2))) == [(outer.trace_id, outer.span_id)] * 2
print("followed", flush=True)
import os
os._exit(0)     # nobody listens for the traces
"""
    tools.write("program.py", program)
    assert tools.run("program.py", launcher=launcher) == "followed\n"


def test_joblib(tools):
    tools.need("joblib")
    program = """
from joblib import Parallel, delayed
if __name__ == "__main__":
    for backend in "threading", "loky":
        print(Parallel(n_jobs=2, backend=backend)(delayed(pow)(i, 2) for i in range(5)))
"""
    tools.write("app.py", program)
    assert tools.run("app.py") == "[0, 1, 4, 9, 16]\n" * 2


def test_scikit_learn(tools):
    tools.need("scikit-learn")
    program = """
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
x, y = make_classification(200, random_state=0)
for jobs in 1, 2:   # threads of joblib's
    model = RandomForestClassifier(10, random_state=0, n_jobs=jobs)
    print(model.fit(x[:100], y[:100]).score(x[100:], y[100:]))
"""
    alone, together = tools.run("-c", program).splitlines()
    assert alone == together and alone.startswith("0.")


SUITE = """
import queue, sys, threading
import pytest
@pytest.mark.parametrize("n", range(8))
def test_items_come_through(n):
    items = queue.Queue()
    threading.Thread(target=items.put, args=[n]).start()
    assert items.get(timeout=30) == n
    assert (queue is sys.modules.get("hasten.queue")) == EXPECTED
def test_what_fails_in_a_thread_is_told():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
"""


def test_pytest(tools):
    tools.need("pytest")
    tools.write("test_app.py", SUITE.replace("EXPECTED", "True"))
    shown = tools.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_app.py")
    assert "9 passed, 1 warning" in shown and "PytestUnhandledThreadExceptionWarning" in shown


@pytest.mark.parametrize("inherits", [False, True])
def test_pytest_xdist(tools, inherits):
    """Its workers are interpreters of their own: --inherit reaches those."""
    tools.need("pytest-xdist")
    tools.write("test_app.py", SUITE.replace("EXPECTED", str(inherits)))
    options = ["--inherit"] if inherits else []
    shown = tools.run(*options, "-m", "pytest", "-q", "-n2", "-p", "no:cacheprovider", "test_app.py")
    assert "9 passed, 1 warning" in shown and "PytestUnhandledThreadExceptionWarning" in shown


def test_pebble(tools):
    tools.need("pebble")
    program = """
from concurrent.futures import TimeoutError
import pebble, time
if __name__ == "__main__":
    with pebble.ThreadPool(2) as pool:
        print([f.result() for f in [pool.schedule(pow, args=[i, 2]) for i in range(4)]], flush=True)
    with pebble.ProcessPool(1) as pool:
        print(pool.schedule(pow, args=[3, 2]).result(), flush=True)
        try:
            pool.schedule(time.sleep, args=[60], timeout=0.5).result()
        except TimeoutError:
            print("timeout", flush=True)
"""
    tools.write("app.py", program)
    assert tools.run("app.py") == "[0, 1, 4, 9]\n9\ntimeout\n"


@pytest.mark.parametrize(
    ("library", "call"), [("gevent", "gevent.monkey.patch_all()"), ("eventlet", "eventlet.monkey_patch()")]
)
def test_green_threads_are_refused_at_their_call(tools, library, call):
    tools.need(library)
    program = f"""
import queue, {call.rpartition(".")[0]}
try:
    {call}
except RuntimeError as error:
    print(error)
"""
    shown = tools.run("-c", program)
    assert shown.startswith(f"{call} cannot patch _thread, threading, queue") and shown.count("\n") == 1
    assert "--except" in shown


def test_gevent_patches_what_is_not_replaced(tools):
    tools.need("gevent")
    program = "import gevent.monkey; print(gevent.monkey.patch_all())"
    parts = "_thread,threading,queue,subprocess,concurrent.futures,sched"
    assert tools.run("--except", parts, "-c", program) == "True\n"
