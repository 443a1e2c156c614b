"""Which file descriptors a child inherits: none but its streams, unless asked."""

import errno
import os
import resource
import warnings

import pytest
from support.children import descriptors_of, needs_proc

pytestmark = needs_proc


@pytest.fixture
def inheritable():
    """Open that many pipes' ends, by default inheritable; they are closed at the end of the test."""
    opened = []

    def make(count=2, inherit=True):
        for _ in range(0, count, 2):
            opened.extend(os.pipe())
        for fd in opened:
            os.set_inheritable(fd, inherit)
        return opened[-count:]

    yield make
    for fd in opened:
        os.close(fd)


def inherited(child):
    return sorted(set(descriptors_of(child.pid)) - {0, 1, 2})


def test_closed_by_default(cat, inheritable):
    inheritable(40)
    assert inherited(cat()) == []


@pytest.mark.parametrize("preexec_fn", [None, int])
def test_inherited_when_asked(cat, inheritable, preexec_fn):
    fds = inheritable(6)
    assert set(fds) <= set(inherited(cat(close_fds=False, preexec_fn=preexec_fn)))


def test_what_is_not_inheritable_never_is(cat, inheritable):
    fds = inheritable(6, inherit=False)
    assert not set(fds) & set(inherited(cat(close_fds=False)))


@pytest.mark.parametrize("preexec_fn", [None, int])
@pytest.mark.parametrize("inherit", [False, True])
@pytest.mark.parametrize("kind", [tuple, list, set, iter])
def test_passed(cat, inheritable, kind, inherit, preexec_fn):
    """Inheritable or not in the parent, and there it stays so."""
    fds = inheritable(8, inherit)
    passed = sorted([fds[1], fds[6], fds[2]])
    assert inherited(cat(pass_fds=kind(passed), preexec_fn=preexec_fn)) == passed
    assert [os.get_inheritable(fd) for fd in fds] == [inherit] * 8


def test_passed_in_any_order_and_twice(cat, inheritable):
    fds = inheritable(4)
    assert inherited(cat(pass_fds=[fds[3], fds[0], fds[3]])) == sorted([fds[0], fds[3]])


def test_a_passed_descriptor_works(impl):
    read, write = os.pipe()
    done = impl.run(["sh", "-c", f"echo word >/dev/fd/{write}"], pass_fds=[write])
    os.close(write)
    with open(read, "rb") as file:
        assert (done.returncode, file.read()) == (0, b"word\n")


def test_passing_means_closing(cat, inheritable):
    fds = inheritable(4)
    with pytest.warns(RuntimeWarning, match="pass_fds overriding close_fds"):
        child = cat(pass_fds=[fds[0]], close_fds=False)
    assert inherited(child) == [fds[0]]


def test_passing_nothing_is_no_reason_to_close(cat, inheritable):
    fds = inheritable(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(fds) <= set(inherited(cat(pass_fds=(), close_fds=False)))


@pytest.mark.parametrize("fd", [0, 1, 2])
def test_passing_a_stream_changes_nothing(cat, fd):
    assert inherited(cat(pass_fds=[fd])) == []


def test_the_same_number_for_a_stream_and_to_pass(impl, inheritable):
    """A stream's source may be passed too, under its own number."""
    read, write = inheritable(2, inherit=False)
    done = impl.run(["sh", "-c", f"echo a; echo b >/dev/fd/{write}"], stdout=write, pass_fds=[write])
    assert done.returncode == 0
    assert os.read(read, 100) == b"a\nb\n"


def test_passing_what_is_closed(impl):
    with pytest.raises(OSError) as info:
        impl.Popen(["true"], pass_fds=[12_345])
    assert info.value.errno == errno.EBADF


def test_high_numbers(cat, inheritable):
    """Also those above a limit that was lowered after they were opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fd = inheritable(2)[0]
    high = fd + 3000
    os.dup2(fd, high, inheritable=True)
    os.dup2(fd, high + 1, inheritable=True)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (high - 1000, hard))
        assert inherited(cat()) == []
        assert inherited(cat(pass_fds=[high])) == [high]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(high)
        os.close(high + 1)


@pytest.mark.parametrize("passed", [1, 500])
def test_many(cat, inheritable, passed):
    fds = inheritable(1000)
    keep = sorted(fds[:: len(fds) // passed][:passed])
    assert inherited(cat(pass_fds=keep)) == keep


def test_our_own_descriptors_do_not_reach_the_next_child(cat):
    first, second = cat(), cat(close_fds=False)
    ours = {first.stdin.fileno(), first.stdout.fileno(), second.stdin.fileno(), second.stdout.fileno()}
    assert not ours & set(inherited(second))
