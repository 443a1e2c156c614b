"""Coverage and profilers: they see what runs in the threads."""

import json
import signal
import subprocess
import sys

import pytest

APP = """\
import queue, sys, threading

def work():
    total = 0
    while (item := items.get()) is not None:
        total += sum(bytearray(item))
    results.put(total)

items, results = queue.Queue(), queue.Queue()
threads = [threading.Thread(target=work, name=f"worker-{i}") for i in range(2)]
for thread in threads:
    thread.start()
for i in range(20):
    items.put(1_000_000)
for thread in threads:
    items.put(None)
for thread in threads:
    thread.join()
print("done", sys.modules.get("hasten.queue") is queue)
"""


def test_coverage(tools):
    tools.need("coverage")
    tools.write("app.py", APP)
    assert tools.run("-m", "coverage", "run", "--include=app.py", "app.py") == "done True\n"
    tools.plain("-m", "coverage", "json", "-q")
    report = json.loads((tools.folder / "coverage.json").read_text())
    assert report["files"]["app.py"]["missing_lines"] == []


def test_coverage_of_a_module(tools):
    tools.need("coverage")
    tools.write("app.py", APP)
    assert tools.run("-m", "coverage", "run", "--branch", "--include=app.py", "-m", "app") == "done True\n"
    assert "100%" in tools.plain("-m", "coverage", "report")


def test_memray(tools):
    tools.need("memray")
    tools.write("app.py", APP)
    assert "done True\n" in tools.run("-m", "memray", "run", "-o", "result.bin", "app.py")
    read = """
import memray
records = memray.FileReader("result.bin").get_allocation_records()
names = {record.thread_name for record in records}
print(sorted(name.split()[0] for name in names if "worker" in name))
"""
    assert "worker-0" in tools.plain("-c", read)


def test_viztracer(tools):
    tools.need("viztracer")
    tools.write("app.py", APP)
    assert "done True\n" in tools.run("-m", "viztracer", "-o", "result.json", "app.py")
    assert "done False\n" in tools.plain("-m", "viztracer", "-o", "plain.json", "app.py")
    events = json.loads((tools.folder / "result.json").read_text())["traceEvents"]
    assert len({event["tid"] for event in events if event.get("name", "").startswith("work ")}) == 2
    # From 3.12 on it asks for the name before the thread is in the list, also of the standard library's.
    plain = json.loads((tools.folder / "plain.json").read_text())["traceEvents"]
    assert thread_names(events) == thread_names(plain)
    assert {"worker-0", "worker-1"} <= thread_names(events) or sys.version_info >= (3, 12)


def thread_names(events):
    return {event["args"]["name"] for event in events if event.get("name") == "thread_name"}


def test_scalene(tools):
    """It starts an interpreter of its own: --inherit reaches that."""
    tools.need("scalene")
    tools.write("app.py", APP)
    assert "done True\n" in tools.run(
        "--inherit", "-m", "scalene", "run", "--cpu-only", "-o", "result.json", "app.py"
    )
    assert isinstance(json.loads((tools.folder / "result.json").read_text()), dict)


WAITING = """\
import queue, threading
def wait_for_item():
    queue.Queue().get()
thread = threading.Thread(target=wait_for_item, name="waiter", daemon=True)
thread.start()
print("ready", flush=True)
queue.Queue().get()
"""


def test_py_spy(tools):
    tools.need("py-spy")
    tools.write("app.py", WAITING)
    with tools.start("app.py") as process:
        try:
            assert process.stdout.readline() == "ready\n"
            shown = subprocess.run(
                [tools.environment.bin / "py-spy", "dump", "--pid", str(process.pid)],
                capture_output=True,
                text=True,
                timeout=30,
            )
            if "ermission" in shown.stderr:
                pytest.skip("no right to look into other processes")
            assert '"waiter"' in shown.stdout and "wait_for_item (" in shown.stdout, shown
        finally:
            process.send_signal(signal.SIGKILL)
