"""python -m hasten does what python does: each case runs under both, and the results have to be equal."""

import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.signalling import until_asleep

SHOW = """\
import sys
shown = {name: value for name, value in list(globals().items()) if name != 'sys'}
for name, value in shown.items():
    if name == '__builtins__':
        value = type(value)
    elif name == '__loader__' and not isinstance(value, type):
        value = type(value), getattr(value, 'name', None), getattr(value, 'path', None)
    elif name == '__spec__' and value is not None:
        value = value.name, value.origin, value.parent, value.has_location
    print(name, value)
print(sys.argv, sys.path[0], len(sys.path))
print(sys.modules['__main__'].__dict__ is globals(), sys.flags)
"""

FAIL = """\
def outer(x):
    try:
        inner(x)
    except ZeroDivisionError as error:
        raise ValueError('while dividing') from error

def inner(x):
    return 1 / x

outer(0)
"""

PICKLE = """\
import pickle
class Thing:
    pass
data = pickle.dumps(Thing())
print(type(pickle.loads(data)) is Thing, b'__main__' in data)
"""

HOOK = """\
import sys
def hook(kind, value, traceback):
    frames = []
    while traceback:
        frames.append(traceback.tb_frame.f_code.co_filename)
        traceback = traceback.tb_next
    print(kind, value, frames, sys.excepthook is hook, sys.last_traceback is value.__traceback__)
sys.excepthook = hook
1 / 0
"""

SCRIPTS = {
    "namespace": SHOW,
    "traceback": FAIL,
    "pickle": PICKLE,
    "syntax error": "y = 0\nx = 1 +* 2\n",
    "error while exiting": "import atexit\natexit.register(print, 'bye')\nraise KeyError('x')\n",
    "warning": "import warnings\nwarnings.warn('careful')\nprint('on')\n",
    "exit 3": "import sys\nsys.exit(3)\n",
    "exit 0": "raise SystemExit\n",
    "exit with text": "raise SystemExit('the end')\n",
    "exit with object": "raise SystemExit([1, 2])\n",
    "exit True": "raise SystemExit(True)\n",
    "exit -1": "raise SystemExit(-1)\n",
    "exit 2**70": "raise SystemExit(2**70)\n",
    "os._exit": "import os\nos._exit(7)\n",
    "keyboard interrupt": "raise KeyboardInterrupt\n",
    "SIGINT": "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nsignal.pause()\n",
    "SIGTERM": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()\n",
    "excepthook": HOOK,
    "failing excepthook": "import sys\nsys.excepthook = lambda *args: 1 / 0\n[][1]\n",
    "exiting excepthook": "import sys\nsys.excepthook = lambda *args: sys.exit(5)\n[][1]\n",
    "no excepthook": "import sys\ndel sys.excepthook\n[][1]\n",
    "recursion": "def f(): f()\ntry: f()\nexcept RecursionError: print('deep')\n",
    "encoding": "# -*- coding: latin-1 -*-\nprint(ascii('\\xe4'), __name__)\n",
    "future": "from __future__ import annotations\ndef f(x: nothing): pass\nprint(f.__annotations__)\n",
    "imports beside": "import beside\nprint(beside.__file__)\n",
    "reads stdin": "print(ascii(input()))\n",
    "bytes out": "import os\nos.write(1, b'raw')\nprint('end', end='')\n",
    "group": "import sys\nif sys.version_info >= (3, 11): raise ExceptionGroup('g', [ValueError(1)])\n",
}


@pytest.fixture(params=SCRIPTS)
def source(request):
    return SCRIPTS[request.param]


INSTALLED = str(Path(__file__).parents[1] / "bin" / "hasten")


def same(run, *args, flags=(), **kwargs):
    """Run under both; return what both gave."""
    expected = run.python(*flags, *args, **kwargs)
    assert run.hasten(*args, flags=flags, **kwargs) == expected
    return expected


def test_script(run, source):
    run.write("beside.py", "")
    run.write("app.py", source)
    same(run, "app.py", "-x", "--only", "y z", stdin="line\n")


FRAME_OF_THREADING = re.compile(r'  File "[^"]*(threading|_threads)\.py", line \d+, in \w+\n(    .*\n)+')


def test_exception_in_a_thread(run):
    """The same text, but for the frames of threading itself."""
    program = "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='T')\nt.start()\nt.join()\n"
    run.write("app.py", program)
    expected, result = run.python("app.py"), run.hasten("app.py")
    assert FRAME_OF_THREADING.sub("", result.err) == FRAME_OF_THREADING.sub("", expected.err)
    assert (result.status, result.out) == (expected.status, expected.out)


def test_module(run, source):
    run.write("beside.py", "")
    run.write("app.py", source)
    same(run, "-m", "app", "-x", "--only", "y z", stdin="line\n")


def test_package(run, source):
    run.write("beside.py", "")
    run.write("pack/__init__.py", "print('init', __name__)\n")
    run.write("pack/__main__.py", source)
    same(run, "-mpack", "-m", "hasten", stdin="line\n")


def test_command(run, source):
    run.write("beside.py", "")
    same(run, "-c", source, "-m", "x", stdin="line\n")


@pytest.mark.parametrize("args", [["-", "-x", "y z"], []], ids=["dash", "nothing"])
def test_stdin(run, source, args):
    run.write("beside.py", "")
    if "coding:" in source:  # python itself fails to seek in a pipe
        assert run.hasten(*args, stdin=source).out == "'\\xe4' __main__\n"
    else:
        same(run, *args, stdin=source)


def test_directory(run, source):
    run.write("app/beside.py", "")
    run.write("app/__main__.py", source)
    same(run, "app", "a", stdin="line\n")


def test_zip_file(run, source):
    with zipfile.ZipFile(run.folder / "app.zip", "w") as archive:
        archive.writestr("beside.py", "")
        archive.writestr("__main__.py", source)
    same(run, "app.zip", "a", stdin="line\n")


def test_isolated(run, source):
    run.write("app.py", source)
    same(run, "app.py", flags=["-I"], stdin="line\n")


def test_inspect(run, source):
    run.write("beside.py", "")
    run.write("app.py", source)
    questions = "print(sorted(globals()))\nimport sys\nprint(getattr(sys, 'last_value', None))\n"
    if not (sys.version_info[:2] == (3, 13) and "+*" in source):  # 3.13 shows a line of app.py for it then
        questions += "1/0\n"
    same(run, "app.py", flags=["-i", "-q"], stdin=questions)


@pytest.mark.parametrize(
    "path", ["./app.py", "sub/../app.py", "sub/link.py", "{folder}/app.py", "sub/../sub/deep.py"]
)
def test_path_of_script(run, path):
    run.write("app.py", SHOW)
    run.write("sub/deep.py", SHOW)
    os.symlink("../app.py", run.folder / "sub/link.py")
    same(run, path.format(folder=run.folder))


@pytest.mark.parametrize(
    "flags",
    [
        ["-X", "dev"],
        ["-W", "error"],
        ["-W", "always", "-b"],
        ["-O"],
        ["-OO", "-B"],
        ["-u", "-E"],
        ["-s"],
        ["-X", "utf8=0"],
        pytest.param(
            ["-P"], marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="-P is new in 3.11")
        ),
    ],
)
@pytest.mark.parametrize("kind", ["script", "module", "command", "zip"])
def test_interpreter_options(run, flags, kind):
    run.write("app.py", SHOW)
    with zipfile.ZipFile(run.folder / "app.zip", "w") as archive:
        archive.write(run.folder / "app.py", "__main__.py")
    run.env["PYTHONPATH"] = str(run.folder)
    args = {"script": ["app.py"], "module": ["-m", "app"], "command": ["-c", SHOW], "zip": ["app.zip"]}
    same(run, *args[kind], flags=flags)


@pytest.mark.parametrize("flags", [[], ["-I"], ["-W", "error"]])
@pytest.mark.parametrize("kind", ["script", "module", "command", "zip", "failing", "nothing", "missing"])
def test_the_installed_script(run, flags, kind):
    """`hasten app.py` is `python -m hasten app.py`: nothing is seen of the folder that the script is in."""
    run.write("app.py", SHOW)
    run.write("fails.py", FAIL)
    with zipfile.ZipFile(run.folder / "app.zip", "w") as archive:
        archive.write(run.folder / "app.py", "__main__.py")
    args = {"script": ["app.py", "-x"], "module": ["-m", "app"], "command": ["-c", SHOW], "zip": ["app.zip"]}
    args.update(failing=["fails.py"], nothing=[], missing=["nosuch.py"])
    expected = run.python(*flags, *args[kind], stdin="print(__name__)\n")
    assert run.python(*flags, INSTALLED, *args[kind], stdin="print(__name__)\n") == expected


def test_the_installed_script_replaces(run):
    code = "import sys, queue, sched; print([f'hasten.{n}' in sys.modules for n in ('queue', 'sched')])"
    assert run.python(INSTALLED, "--only", "queue", "-c", code).out == "[True, False]\n"


def test_compiled_script(run):
    run.write("app.py", FAIL + SHOW)
    run.python("-c", "import py_compile; py_compile.compile('app.py', cfile='app.pyc')")
    assert same(run, "app.pyc").status == 1


@pytest.mark.skipif(sys.version_info < (3, 14), reason="-c dedents since 3.14")
def test_command_is_dedented(run):
    assert same(run, "-c", "\n    x = 1\n    print(x)\n").out == "1\n"


def test_empty_command_and_empty_script(run):
    run.write("app.py", "")
    assert same(run, "-c", "").status == 0
    assert same(run, "app.py").status == 0
    assert same(run, "-").status == 0


@pytest.mark.parametrize(
    "args",
    [
        ["nosuch.py"],
        ["sub/nosuch.py"],
        ["-m", "nosuch"],
        ["-m", "pack"],
        ["-m", "pack.nosuch"],
        ["-m", "broken.main"],
        ["-m", ".relative"],
        ["-m", "app.py"],
        ["sub"],
        ["bad.py"],
    ],
)
def test_what_cannot_run(run, args):
    run.write("app.py", "")
    run.write("pack/__init__.py", "")
    run.write("broken/__init__.py", "1 / 0")
    run.write("broken/main.py", "")
    run.write("sub/x.py", "")
    run.write("bad.py", "def f(:\n  pass\n")
    assert same(run, *args).status != 0


def test_unreadable_script(run):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    run.write("app.py", "")
    os.chmod(run.folder / "app.py", 0)
    assert same(run, "app.py").status == 2


def test_a_user_can_interrupt(run):
    """Ctrl-C in a program that waits: the shell has to see a death by SIGINT."""
    run.write("app.py", "import queue\nprint('ready', flush=True)\nqueue.Queue().get()\n")
    for launcher in ([], ["-m", "hasten"]):
        command = [sys.executable, *launcher, "app.py"]
        with subprocess.Popen(
            command, cwd=run.folder, env=run.env, stdout=-1, stderr=-1, text=True
        ) as process:
            assert process.stdout.readline() == "ready\n"
            until_asleep(process.pid)  # the standard library sleeps over a signal that comes a moment before
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        assert process.returncode == -signal.SIGINT
        assert err.endswith("KeyboardInterrupt\n") and "_launcher" not in err


def test_a_module_beside_the_script_goes_first(run):
    run.write("queue.py", "mine = True\n")
    run.write("app.py", "import queue\nprint(queue.mine, queue.__name__)\n")
    assert same(run, "app.py").out == "True queue\n"


def test_prompt_at_a_terminal(run):
    """Without a program and at a terminal there is a prompt, with the redirect in place."""
    import pty

    question = (
        b"import queue, os, sys; print('module', sys.modules['hasten.queue'] is queue, "
        b"os.environ.get('PYTHONINSPECT'))\n"
    )
    controller, terminal = pty.openpty()
    run.env.update(TERM="dumb", PYTHON_BASIC_REPL="1", PYTHON_COLORS="0")
    command = [sys.executable, "-m", "hasten"]
    process = subprocess.Popen(
        command, cwd=run.folder, env=run.env, stdin=terminal, stdout=terminal, stderr=terminal, close_fds=True
    )
    os.close(terminal)
    os.write(controller, question + b"exit(9)\n")
    shown = b""
    while True:
        try:
            part = os.read(controller, 4096)
        except OSError:  # the other side has ended
            break
        if not part:
            break
        shown += part
    os.close(controller)
    assert process.wait(30) == 9
    assert b"module True None" in shown
    assert shown.count(b'Type "help"') == 1


# What is ours: options, and their errors.


def one_line(result):
    assert result.status == 2 and result.out == ""
    assert result.err.startswith("hasten: ") and result.err.count("\n") == 1
    return result.err


def test_help_and_version(run):
    result = run.hasten("--help")
    assert (result.status, result.err) == (0, "") and "--inherit" in result.out
    assert run.hasten("-h") == result
    assert run.hasten("--version").out.startswith("hasten 0.")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--nonsense", "x.py"], "unknown option '--nonsense'"),
        (["-X", "dev", "x.py"], "python's own options go before -m hasten"),
        (["--only"], "argument expected for the --only option"),
        (["-m"], "argument expected for the -m option"),
        (["-c"], "argument expected for the -c option"),
        (["--only", "json", "x.py"], "unknown module 'json'"),
        (["--only=quene", "x.py"], "did you mean 'queue'"),
        (["--only", "shared_memory", "x.py"], "did you mean 'multiprocessing.shared_memory'"),
        (["--except", "quue", "x.py"], "did you mean 'queue'"),
        (["--only", "concurrent.futures.thread", "x.py"], "together with 'concurrent.futures'"),
        (["--only", "", "x.py"], "unknown module ''"),
    ],
)
def test_bad_command_line(run, args, words):
    assert words in one_line(run.hasten(*args))


def test_only_and_except(run):
    run.write(
        "app.py",
        "import queue, _thread, sys\n"
        "print(*[m.__name__ for m in (queue, _thread) if sys.modules.get('hasten.' + m.__name__) is m])\n",
    )
    assert run.hasten("app.py").out == "queue _thread\n"
    assert run.hasten("--only", "queue", "app.py").out == "queue\n"
    assert run.hasten("--except=queue", "app.py").out == "_thread\n"
    result = run.hasten("--only=queue,_thread", "--except", "queue", "--", "app.py")
    assert result.out == "_thread\n"


def test_report(run):
    run.write("app.py", "import sys, queue\nprint('done')\nsys.exit(4)\n")
    result = run.hasten("--report", "app.py")
    assert (result.status, result.out) == (4, "done\n")
    lines = dict(line.split(None, 1) for line in result.err.splitlines()[1:])
    assert lines["queue"] == "hasten.queue"
    assert "_thread" in lines


def test_report_of_what_was_imported_before(run):
    run.write("site/sitecustomize.py", "import queue, threading\n")
    run.env["PYTHONPATH"] = str(run.folder / "site")
    report = run.hasten("--report", "-c", "import sched").err
    assert "hasten.queue; imported before, patched in place in sitecustomize\n" in report
    if "hasten.threading is not installed: pip install hasten-threading" in report:
        assert "threading runs over the interpreter's _thread: it was imported before" in report


def test_report_is_printed_once_by_a_forking_program(run):
    run.write("app.py", "import os, sys\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nsys.exit()\n")
    assert run.hasten("--report", "app.py").err.count("what was replaced") == 1


def test_nothing_is_loaded_that_the_program_does_not_use(run):
    run.write("app.py", "import sys\nprint({'hasten.queue', 'hasten._thread'} & set(sys.modules))\n")
    assert run.hasten("app.py").out == "set()\n"


LIBRARY = {
    "pdb": ["-m", "pdb", "app.py"],
    "unittest": ["-m", "unittest", "-q", "tests"],
    "doctest": ["-m", "doctest", "docs.txt"],
    "runpy": ["-m", "runpy", "app"],
    "cProfile": ["-m", "cProfile", "-o", "profile", "app.py", "x"],
    "trace": ["-m", "trace", "--count", "-C", "counts", "app.py"],
    "zipapp": ["-m", "zipapp", "nosuch"],
    "run_path": ["-c", "import runpy; runpy.run_path('app.py', run_name='__main__')"],
    "run_module": ["-c", "import runpy; runpy.run_module('app', run_name='__main__', alter_sys=True)"],
}

TESTS = """\
import queue, unittest
class Test(unittest.TestCase):
    def test(self): self.assertIs(1, queue.Queue)
"""


@pytest.mark.parametrize("name", LIBRARY)
def test_programs_of_the_library_that_run_programs(run, name):
    run.write("app.py", SHOW.replace("print(sys.argv", "import queue\nprint(queue.Queue, sys.argv"))
    run.write("tests.py", TESTS)
    run.write(
        "docs.txt", ">>> import queue\n>>> queue.Queue\n<class 'queue.Queue'>\n>>> queue.Queue().maxsize\n1\n"
    )
    expected = run.python(*LIBRARY[name], stdin="break app.py:2\ncontinue\nwhere\nargs\nquit\n")
    result = run.hasten(*LIBRARY[name], stdin="break app.py:2\ncontinue\nwhere\nargs\nquit\n")
    for each in expected, result:
        each.out, each.err = (
            re.sub(r"0x[0-9a-f]+|in [0-9.]+s", "N", FRAME_OF_A_LIBRARY.sub("", text))
            for text in (each.out, each.err)
        )
    assert result == expected


FRAME_OF_A_LIBRARY = re.compile(r'  File "[^"]*(/lib/python|hasten)[^"]*", line \d+, in \w+\n(    .*\n)+')


@pytest.mark.parametrize("flags", [["-i"], ["-i", "-E"], ["-i", "-I"]], ids=" ".join)
def test_interactive_without_a_program(run, flags):
    """The same banner, names and status; PYTHONSTARTUP is run where it is meant to be."""
    run.write("startup.py", "started = 1\n")
    run.env["PYTHONSTARTUP"] = str(run.folder / "startup.py")
    # 3.13 shows a line of the startup file for one of the input
    fail = "1 / 0\n" if sys.version_info[:2] != (3, 13) else ""
    result = same(run, flags=flags, stdin=f"print(sorted(globals()), __name__)\n{fail}")
    assert 'Type "help"' in result.err and ("ZeroDivisionError" in result.err or not fail)


THREADS_THAT_EXIT = """\
import atexit, sys, threading
class Noisy:
    def __del__(self): print("del", threading and threading.current_thread().name)
kept = Noisy()
def fail(error):
    kept = Noisy()
    raise error
def late():
    go.wait()
    print("late")
    sys.exit(9)
atexit.register(lambda: print("atexit", threading.active_count()))
for number, error in enumerate([SystemExit(3), SystemExit("text"), KeyboardInterrupt(), ValueError("v")]):
    thread = threading.Thread(target=fail, args=(error,), name=str(number))
    thread.start()
    thread.join()
go = threading.Event()
threading.Thread(target=late, name="late").start()
threading.Timer(0.01, go.set).start()
sys.exit("bye")
"""


def test_exits_in_threads(run):
    run.write("app.py", THREADS_THAT_EXIT)
    expected, result = run.python("app.py"), run.hasten("app.py")
    assert FRAME_OF_THREADING.sub("", result.err) == FRAME_OF_THREADING.sub("", expected.err)
    assert (result.status, result.out) == (expected.status, expected.out) and "late" in result.out
