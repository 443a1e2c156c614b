"""pytest-xdist with two workers on tests made here: passes, failures, and a worker that crashes."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TESTS = """
import os, queue, threading, subprocess, sys
import pytest

@pytest.mark.parametrize("number", range(60))
def test_pass(number):
    q = queue.Queue()
    t = threading.Thread(target=q.put, args=(number,))
    t.start()
    assert q.get(timeout=10) == number
    t.join()

def test_fails():
    assert 1 == 2

def test_child():
    assert subprocess.check_output([sys.executable, "-c", "print(1)"]) == b"1\\n"

def test_crash():
    os._exit(7)
"""


def main():
    hasten = ["-m", "hasten"] if "hasten.patch" in sys.modules else []
    Path("test_made.py").write_text(TESTS)
    words = ["-q", "-p", "xdist.plugin", "-n", "2", "--junitxml=made.xml", "-p", "no:cacheprovider"]
    done = subprocess.run([sys.executable, *hasten, "-m", "pytest", *words], stdout=subprocess.PIPE)
    for case in ElementTree.parse("made.xml").iter("testcase"):
        print(case.get("name"), [child.tag for child in case])
    print("status", done.returncode)


if __name__ == "__main__":
    main()
