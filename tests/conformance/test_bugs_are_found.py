"""Bugs planted in a stand-in for hasten.queue come out in the report and in the exit status."""

from __future__ import annotations

import os

import psutil
import pytest
from planting import DROPS, FAITHFUL, NOWAIT, needs_driver

pytestmark = [needs_driver, pytest.mark.timeout(120)]

HANGS = (
    FAITHFUL
    + """
    def get_nowait(self):
        self.wait_for_ever()

    def wait_for_ever(self):
        import _thread
        lock = _thread.allocate_lock()
        lock.acquire()
        lock.acquire()
"""
)
DIES = (
    FAITHFUL
    + """
    def get_nowait(self):
        import os
        os.abort()
"""
)
FORGETS_A_PROCESS = (
    FAITHFUL
    + """
    def __init__(self, maxsize=0):
        import subprocess, sys
        code = "import time; time.sleep(600)  # {mark}"
        subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        super().__init__(maxsize)
"""
)
LEAVES_A_NAME = (
    FAITHFUL
    + """
    def get_nowait(self):
        import time
        from multiprocessing import get_context, shared_memory
        context = get_context("spawn")
        lock = context.Lock()
        context.Process(target=time.sleep, args=(600,)).start()  # holds the tracker's pipe as well
        with open({names!r}, "a") as file:
            print(lock._semlock.name, shared_memory.SharedMemory(create=True, size=1).name, file=file)
        if {slow}:  # its tracker, as on a busy machine: who lets it go on is no child of the run
            import os, signal, subprocess
            from multiprocessing import resource_tracker
            tracker = resource_tracker._resource_tracker._pid
            os.kill(tracker, signal.SIGSTOP)
            goes_on = ["sh", "-c", f"sleep 7; kill -CONT {{tracker}}"]
            subprocess.Popen(goes_on, env={{}}, start_new_session=True)
        time.sleep(600)
"""
)
SECOND_TIME = (
    FAITHFUL
    + """
    used = False

    def get_nowait(self):
        LifoQueue.used = True
        return super().get_nowait()

class PriorityQueue(_stdlib.PriorityQueue):
    def get_nowait(self):
        if LifoQueue.used:
            raise RuntimeError("the LIFO queue was here before")
        return super().get_nowait()
"""
)
ONCE_ONLY = (
    FAITHFUL
    + """
    def get_nowait(self):
        import os
        try:
            os.close(os.open({flag!r}, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return super().get_nowait()
        raise RuntimeError("the first time")
"""
)


FIRST_AND_THIRD = (
    FAITHFUL
    + """
    seen = False

    def get_nowait(self):
        if not LifoQueue.seen:  # once a process
            LifoQueue.seen = True
            with open({calls!r}, "a") as file:
                file.write(".")
                file.flush()
                if file.tell() != 2:
                    raise RuntimeError("not the second process")
        return super().get_nowait()
"""
)


def test_a_faithful_module_loses_nothing(tool):
    tool.plant(FAITHFUL)
    result = tool.run("--match", "*.test_nowait", "--match", "*Simple*.test_order")
    assert result.status == 0, result.output
    assert result.suite["run"] == 8
    assert result.suite["line"] == f"queue py{result.suite['python']}: 8 run, 0 lost to the stdlib, 0 exempt"
    assert result.suite["line"] in result.output
    assert all(test["stdlib"] == test["hasten"] == "passed" for test in result.suite["tests"].values())
    assert result.report["ok"] is True


def test_a_dropped_item_is_lost_to_the_stdlib(tool):
    tool.plant(DROPS)
    result = tool.run(*NOWAIT)
    assert result.status == 1
    assert set(result.lost()) == {"PyQueueTest.test_nowait"}
    assert "Full not raised" in result.lost()["PyQueueTest.test_nowait"]["text"]
    assert "LOST test.test_queue.PyQueueTest.test_nowait: failed" in result.output
    assert result.report["ok"] is False


def test_a_hanging_test_is_cut_with_the_stacks(tool):
    tool.plant(HANGS)
    result = tool.run(*NOWAIT, "--limit", 2)
    assert result.status == 1
    loss = result.lost()["PyLifoQueueTest.test_nowait"]
    assert loss["status"] == "hung"
    assert "wait_for_ever" in loss["text"]
    assert result.suite["tests"]["test.test_queue.PyQueueTest.test_nowait"]["hasten"] == "passed"


def test_a_dying_process_costs_only_the_test_it_was_in(tool):
    tool.plant(DIES)
    result = tool.run(*NOWAIT)
    assert result.status == 1
    assert set(result.lost()) == {"PyLifoQueueTest.test_nowait"}
    assert "SIGABRT" in result.lost()["PyLifoQueueTest.test_nowait"]["text"]
    assert result.suite["run"] == 3  # those of the FIFO and the priority queue before and after it


def test_what_passes_when_run_again_is_called_flaky(tool):
    tool.plant(ONCE_ONLY.format(flag=str(tool.folder / "flag")))
    result = tool.run(*NOWAIT)
    assert result.status == 0, result.output
    assert [loss["id"] for loss in result.suite["flaky"]] == ["test.test_queue.PyLifoQueueTest.test_nowait"]
    assert "1 flaky" in result.output
    told = f"FLAKY conformance-py{result.suite['python']} test.test_queue.PyLifoQueueTest.test_nowait"
    assert told in result.output.splitlines()
    assert (tool.gate / "flaky").read_text() == f"{told}\n"


def test_what_fails_once_more_is_no_longer_flaky(tool):
    """The first run and the second of the two alone fail, the one between them passes."""
    tool.plant(FIRST_AND_THIRD.format(calls=str(tool.folder / "calls")))
    result = tool.run(*NOWAIT)
    assert result.status == 1
    assert set(result.lost()) == {"PyLifoQueueTest.test_nowait"}
    assert not tool.gate.exists()


def test_one_flaky_test_too_many_is_lost(tool):
    tool.gate.mkdir()
    (tool.gate / "flaky").write_text("FLAKY py39 a\nFLAKY py39 b\nFLAKY py315 b\n")
    tool.plant(ONCE_ONLY.format(flag=str(tool.folder / "flag")))
    result = tool.run(*NOWAIT)
    assert result.status == 1
    assert result.suite["flaky"] == []
    text = result.lost()["PyLifoQueueTest.test_nowait"]["text"]
    assert "more than 3 tests are flaky" in text and "the first time" in text
    assert len((tool.gate / "flaky").read_text().splitlines()) == 4


def test_a_crash_is_lost_even_if_it_happens_once(tool):
    once = ONCE_ONLY.replace('raise RuntimeError("the first time")', "os.abort()")
    tool.plant(once.format(flag=str(tool.folder / "flag")))
    result = tool.run(*NOWAIT)
    assert result.status == 1
    loss = result.lost()["PyLifoQueueTest.test_nowait"]
    assert loss["status"] == "crashed"
    assert "SIGABRT" in loss["text"] and "passes when run again" in loss["text"]


def test_what_fails_in_company_only_is_lost_all_the_same(tool):
    tool.plant(SECOND_TIME)
    result = tool.run(*NOWAIT)
    assert result.status == 1
    loss = result.lost()["PyPriorityQueueTest.test_nowait"]
    assert "passes alone" in loss["text"] and "the LIFO queue was here before" in loss["text"]
    assert result.suite["flaky"] == []


def test_no_process_is_left_behind(tool):
    mark = f"left by {tool.folder}"
    tool.plant(FORGETS_A_PROCESS.format(mark=mark))
    tool.run(*NOWAIT)
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if any(mark in part for part in command)]


@pytest.mark.parametrize("slow", [False, True], ids=["", "slow"])
def test_no_name_is_left_behind(tool, slow):
    """In /dev/shm, by a process that was cut: its resource tracker lives until it has seen to that."""
    told = tool.folder / "names"
    tool.plant(LEAVES_A_NAME.format(names=str(told), slow=slow))
    tool.run(*NOWAIT, "--limit", 2)
    names = [name.lstrip("/") for name in told.read_text().split()]
    assert len(names) >= 2
    left = [entry for entry in os.listdir("/dev/shm") if any(name in entry for name in names)]
    assert not left


def test_a_module_that_fails_to_load_is_not_counted(tool):
    tool.plant("raise RuntimeError('no such luck')\n")
    result = tool.run(*NOWAIT)
    assert result.status == 1
    assert "NOT COUNTED" in result.output and "no such luck" in result.output
