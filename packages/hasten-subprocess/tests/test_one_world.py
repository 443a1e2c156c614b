"""Beside the standard library's `subprocess`, which others go on using: asyncio, multiprocessing, os."""

import asyncio
import os
import selectors
import subprocess
import sys

import pytest

import hasten.subprocess


def test_asyncio_is_untouched(python):
    program = """
import asyncio, subprocess
import hasten.subprocess as ours
async def main():
    child = await asyncio.create_subprocess_exec("cat", stdin=ours.PIPE, stdout=ours.PIPE)
    done = ours.run(["echo", "ours"], stdout=ours.PIPE)
    out, _ = await child.communicate(b"theirs")
    print(done.stdout, out, child.returncode)
    child = await asyncio.create_subprocess_shell("exit 3", stderr=ours.DEVNULL)
    print(await child.wait())
asyncio.run(main())
print(subprocess.Popen is not ours.Popen)
"""
    assert python(program) == "b'ours\\n' b'theirs' 0\n3\nTrue\n"


def test_in_a_thread_of_asyncio():
    async def main():
        loop = asyncio.get_running_loop()
        calls = [
            loop.run_in_executor(None, hasten.subprocess.check_output, ["echo", str(n)]) for n in range(20)
        ]
        return await asyncio.gather(*calls)

    assert asyncio.run(main()) == [b"%d\n" % n for n in range(20)]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_is_untouched(python, method, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("""
import multiprocessing, sys
import hasten.subprocess
def work(number):
    return hasten.subprocess.check_output(["echo", str(number)])
if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(pool.map(work, range(3)))
    print(hasten.subprocess.check_output(["echo", "after"]))
""")
    done = subprocess.run([sys.executable, program, method], capture_output=True, text=True, timeout=50)
    assert (done.stdout, done.stderr) == ("[b'0\\n', b'1\\n', b'2\\n']\nb'after\\n'\n", "")


def test_children_of_both_side_by_side():
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as theirs:
        with hasten.subprocess.Popen(["cat"], stdin=theirs.stdout, stdout=hasten.subprocess.PIPE) as ours:
            theirs.stdout.close()
            theirs.stdin.write(b"word")
            theirs.stdin.close()
            assert ours.stdout.read() == b"word"
    assert (theirs.returncode, ours.returncode) == (0, 0)


def test_os_functions_know_the_child():
    child = hasten.subprocess.Popen(["sh", "-c", "exit 3"])
    status = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert (status.si_pid, status.si_status) == (child.pid, 3)
    assert child.wait() == 3


def test_constants_of_either_serve_both():
    assert hasten.subprocess.run(["echo", "a"], stdout=subprocess.PIPE).stdout == b"a\n"
    assert subprocess.run(["echo", "a"], stdout=hasten.subprocess.PIPE).stdout == b"a\n"


def test_selectors_and_the_childs_pipes():
    """Its streams are ordinary files, which others poll."""
    with selectors.DefaultSelector() as selector:
        with hasten.subprocess.Popen(["echo", "a"], stdout=hasten.subprocess.PIPE) as child:
            selector.register(child.stdout, selectors.EVENT_READ)
            [(key, events)] = selector.select(30)
            assert key.fileobj.read() == b"a\n"
            selector.unregister(child.stdout)


def test_the_standard_library_is_not_changed_by_the_import(python):
    program = """
import subprocess
before = {name: id(value) for name, value in vars(subprocess).items()}
methods = {name: id(value) for name, value in vars(subprocess.Popen).items()}
import hasten.subprocess
hasten.subprocess.run(["true"])
after = {name: id(value) for name, value in vars(subprocess).items()}
print({name for name in before if before[name] != after.get(name)} | set(after) - set(before))
print({name: id(value) for name, value in vars(subprocess.Popen).items()} == methods)
"""
    lines = python(program).splitlines()
    assert lines == ["set()", "True"]
