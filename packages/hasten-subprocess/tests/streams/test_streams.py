"""Where the child's stdin, stdout and stderr lead: every combination of what can be given for them."""

import itertools
import os

import pytest
from support.children import descriptors_of, needs_proc

# Reports what it read, then says a word on each of its outputs
TALK = ["sh", "-c", 'test "$0" = reads && read word; echo "out:$word"; echo err >&2']
INPUTS = ["PIPE", "DEVNULL", "file", "descriptor"]
OUTPUTS = [None, "PIPE", "DEVNULL", "file", "descriptor"]


class Files:
    """Opens files for streams, and knows how to read what has arrived in them."""

    def __init__(self, folder, impl):
        self.folder, self.impl, self.open = folder, impl, {}

    def target(self, stream, kind):
        if kind is None or kind in ("PIPE", "DEVNULL", "STDOUT"):
            return getattr(self.impl, kind) if kind else None
        path = self.folder / stream
        if stream == "stdin":
            path.write_bytes(b"word\n")
        self.open[stream] = path.open("rb" if stream == "stdin" else "wb", buffering=0)
        return self.open[stream] if kind == "file" else self.open[stream].fileno()

    def close(self):
        for file in self.open.values():
            file.close()


@pytest.fixture
def files(tmp_path, impl):
    files = Files(tmp_path, impl)
    yield files
    files.close()


@pytest.mark.parametrize(
    "stdin, stdout, stderr", list(itertools.product(INPUTS, OUTPUTS, [*OUTPUTS, "STDOUT"]))
)
def test_every_combination(impl, files, capfd, stdin, stdout, stderr):
    kinds = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
    streams = {name: files.target(name, kind) for name, kind in kinds.items()}
    reads = "reads" if stdin != "DEVNULL" else "does not read"
    with impl.Popen([*TALK, reads], **streams) as child:
        assert [getattr(child, name) is not None for name in kinds] == [k == "PIPE" for k in kinds.values()]
        out, err = child.communicate(b"word\n" if stdin == "PIPE" else None)
    assert child.returncode == 0
    said = {"out": b"out:\n" if stdin == "DEVNULL" else b"out:word\n", "err": b"err\n"}
    if stderr == "STDOUT":
        said = {"out": said["out"] + said["err"], "err": None}
    ours = capfd.readouterr()
    for name, kind, got, inherited in [("out", stdout, out, ours.out), ("err", stderr, err, ours.err)]:
        path = files.folder / f"std{name}"
        assert got == (said[name] if kind == "PIPE" else None)
        assert inherited.encode() == (said[name] if kind is None else b"")
        if kind in ("file", "descriptor"):
            assert path.read_bytes() == said[name]


def test_one_file_for_both_outputs(impl, tmp_path):
    with open(tmp_path / "both", "wb") as file:
        impl.run([*TALK, "does not read"], stdout=file, stderr=file)
    assert (tmp_path / "both").read_bytes() == b"out:\nerr\n"


@needs_proc
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_parents_streams_crossed(impl, python, order):
    """The child's 0, 1 and 2 are the parent's in another order: none may be overwritten too early."""
    program = f"""
import os, sys
import {impl.__name__} as subprocess
report = os.dup(1)
for fd in range(3):
    file = os.open(f"/tmp", os.O_RDONLY) if fd == 0 else os.memfd_create(f"stream{{fd}}")
    os.dup2(file, fd)
    os.close(file)
before = [os.stat(fd).st_ino for fd in range(3)]
order = {order}
child = subprocess.Popen(["sleep", "1000"], stdin=order[0], stdout=order[1], stderr=order[2])
seen = [os.stat(f"/proc/{{child.pid}}/fd/{{fd}}").st_ino for fd in range(3)]
child.kill()
child.wait()
os.write(report, b"%r" % (seen == [before[fd] for fd in order]))
"""
    assert python(program) == "True"


LOOK = """
import os, sys
def is_open(fd):
    try:
        return bool(os.fstat(fd))
    except OSError:
        return False
os.write(int(sys.argv[1]), repr([fd for fd in range(3) if is_open(fd)]).encode())
"""
CLOSED = """
import os, sys
import {module} as subprocess
report = os.dup(1)
os.set_inheritable(report, False)
for fd in {closed}:
    os.close(fd)
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr={stderr})
out, err = child.communicate(b"word")
os.write(report, repr((out, err, child.returncode)).encode())
"""


@pytest.mark.parametrize("closed", [c for n in (1, 2, 3) for c in itertools.combinations(range(3), n)])
@pytest.mark.parametrize(
    "stderr, err", [("None", None), ("subprocess.PIPE", b""), ("subprocess.STDOUT", None)]
)
def test_streams_closed_in_the_parent(impl, python, closed, stderr, err):
    """The ends of the pipes then get the numbers 0 to 2 themselves."""
    program = CLOSED.format(module=impl.__name__, closed=closed, stderr=stderr)
    assert python(program) == repr((b"word", err, 0))


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_streams_are_inherited_as_closed(impl, python, closed):
    program = f"""
import os, sys
import {impl.__name__} as subprocess
found, told = os.pipe()
report = os.dup(1)
os.set_inheritable(report, False)
for fd in {closed}:
    os.close(fd)
look = {LOOK!r}
subprocess.run([sys.executable, "-ISc", look, str(told)], pass_fds=[told], check=True)
os.write(report, os.read(found, 100))
"""
    assert python(program) == repr([fd for fd in range(3) if fd not in closed])


def test_stderr_goes_where_stdout_goes(impl, tmp_path):
    with open(tmp_path / "out", "wb") as file:
        impl.run(["sh", "-c", "echo e >&2"], stdout=file, stderr=impl.STDOUT)
    assert (tmp_path / "out").read_bytes() == b"e\n"
    assert impl.run(["sh", "-c", "echo e >&2"], stdout=impl.DEVNULL, stderr=impl.STDOUT).stderr is None


def test_stderr_to_an_inherited_stdout(impl, capfd):
    impl.run(["sh", "-c", "echo e >&2"], stderr=impl.STDOUT)
    assert capfd.readouterr() == ("e\n", "")


def test_a_file_is_used_from_where_it_stands(impl, tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntwo\n")
    with path.open("rb", buffering=0) as file:
        file.seek(4)
        assert impl.run(["cat"], stdin=file, stdout=impl.PIPE).stdout == b"two\n"


def test_an_object_with_a_file_number(impl, tmp_path):
    class Numbered:
        def fileno(self):
            return file.fileno()

    with open(tmp_path / "out", "wb") as file:
        impl.run(["echo", "a"], stdout=Numbered())
    assert (tmp_path / "out").read_bytes() == b"a\n"


def test_the_callers_files_stay_open(impl, tmp_path):
    with open(tmp_path / "file", "wb+") as file:
        impl.run(["true"], stdin=file, stdout=file, stderr=file)
        os.fstat(file.fileno())


@pytest.mark.parametrize("fd", [0, 1, 2])
def test_the_callers_own_streams_are_left_alone(impl, fd):
    before = os.fstat(fd)
    impl.run(["true"], stdin=0, stdout=1, stderr=2)
    assert os.path.samestat(os.fstat(fd), before)


def test_inheritable_stays_as_it_was(impl, tmp_path):
    """Which needs a copy when the number is already right."""
    with open(tmp_path / "file", "wb") as file:
        assert impl.run(["sh", "-c", "echo a"], stdout=file).returncode == 0
        assert not os.get_inheritable(file.fileno())


@needs_proc
def test_pipes_of_a_child_lead_to_us_and_nowhere_else(cat):
    child = cat()
    theirs, ours = descriptors_of(child.pid), descriptors_of(os.getpid())
    assert theirs[0] == ours[child.stdin.fileno()]
    assert theirs[1] == ours[child.stdout.fileno()]
    assert not os.get_inheritable(child.stdin.fileno())
    assert not os.get_inheritable(child.stdout.fileno())


def test_a_pipeline(impl):
    first = impl.Popen(["echo", "a line"], stdout=impl.PIPE)
    with first, impl.Popen(["tr", "a-z", "A-Z"], stdin=first.stdout, stdout=impl.PIPE) as second:
        first.stdout.close()
        assert second.communicate()[0] == b"A LINE\n"


def test_a_socket(impl):
    import socket

    ours, theirs = socket.socketpair()
    with ours, theirs, impl.Popen(["cat"], stdin=theirs, stdout=theirs) as child:
        theirs.close()
        ours.sendall(b"word")
        ours.shutdown(socket.SHUT_WR)
        assert ours.recv(100) == b"word"
    assert child.returncode == 0
