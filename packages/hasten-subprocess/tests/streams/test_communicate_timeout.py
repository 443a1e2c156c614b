"""communicate(timeout=...): TimeoutExpired, what it tells, and how it goes on afterwards."""

import os
import selectors
import signal

import pytest
from support.children import script, status_of

# Stops itself until it is told to go on, and then sends back what it reads
COPY = "import os, sys; os.kill(os.getpid(), 19); sys.stdout.buffer.write(sys.stdin.buffer.read())"


@pytest.fixture
def start(impl):
    """Start a child with pipes; it is killed at the end."""
    started = []

    def start(command, **options):
        streams = dict.fromkeys(["stdin", "stdout", "stderr"], impl.PIPE)
        started.append(impl.Popen(command, **{**streams, **options}))
        return started[-1]

    yield start
    for child in started:
        child.kill()
        with child:
            """Its pipes are closed and it is waited for."""


def test_what_it_tells(impl, start):
    child = start(["sleep", "1000"])
    with pytest.raises(impl.TimeoutExpired) as info:
        child.communicate(timeout=0.05)
    error = info.value
    assert (error.cmd, error.timeout, error.output, error.stderr) == (child.args, 0.05, None, None)
    assert str(error) == f"Command '{child.args}' timed out after 0.05 seconds"
    assert child.poll() is None


@pytest.mark.parametrize("text", [False, True])
def test_what_has_come_so_far(impl, start, text, until):
    """Bytes even in text mode, as in the standard library: a character may be cut."""
    child = start(["sh", "-c", "printf out; printf err >&2; exec sleep 1000"], text=text)
    until(lambda: status_of(child.pid)["Name"] == "sleep")
    with pytest.raises(impl.TimeoutExpired) as info:
        child.communicate(timeout=0.1)
    assert (info.value.output, info.value.stdout, info.value.stderr) == (b"out", b"out", b"err")


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("repeats", [1, 3])
def test_again(impl, start, text, repeats):
    """Nothing is lost, and the input is given only once."""
    child = start(["sh", "-c", "printf early; cat <&0 >/dev/null; sleep 0.5; printf late"], text=text)
    for number in range(repeats):
        with pytest.raises(impl.TimeoutExpired):
            child.communicate(("in" if text else b"in") if number == 0 else None, timeout=0.05)
    out, err = child.communicate()
    assert (out, err) == (("earlylate", "") if text else (b"earlylate", b""))
    assert child.returncode == 0


@pytest.mark.since(3, 15)
def test_input_goes_on_where_it_was(impl, start, until):
    """The child reads on only after the timeout."""
    big = bytes(range(256)) * 4096
    child = start(script(COPY))
    for number in range(3):
        with pytest.raises(impl.TimeoutExpired):
            child.communicate(big if number == 0 else None, timeout=0.05)
    until(lambda: status_of(child.pid)["State"].startswith("T"))
    child.send_signal(signal.SIGCONT)
    assert child.communicate()[0] == big


@pytest.mark.since(3, 15)
def test_text_input_goes_on_where_it_was(impl, start, until):
    text = "\u4e16\u754c" * 200_000
    child = start(script(COPY), encoding="utf-8")
    with pytest.raises(impl.TimeoutExpired):
        child.communicate(text, timeout=0.1)
    until(lambda: status_of(child.pid)["State"].startswith("T"))
    child.send_signal(signal.SIGCONT)
    assert child.communicate()[0] == text


@pytest.mark.parametrize("text", [False, True])
def test_other_input_when_it_goes_on(impl, start, text):
    child = start(["sleep", "1000"], text=text)
    with pytest.raises(impl.TimeoutExpired):
        child.communicate("a" if text else b"a", timeout=0.01)
    with pytest.raises(ValueError, match="Cannot send input after starting communication"):
        child.communicate("b" if text else b"b", timeout=0.01)


def test_no_input_is_no_other_input(impl, start):
    child = start(["sleep", "0.2"])
    for given in [b"a", None, b""]:
        with pytest.raises(impl.TimeoutExpired):
            child.communicate(given, timeout=0.01)
    assert child.communicate() == (b"", b"")


def test_after_a_kill(impl, start):
    child = start(["sh", "-c", "printf out; exec sleep 1000"])
    with pytest.raises(impl.TimeoutExpired):
        child.communicate(timeout=0.2)
    child.kill()
    assert child.communicate() == (b"out", b"")
    assert child.returncode == -9


@pytest.mark.since(3, 15)
@pytest.mark.parametrize("timeout", [0, -1, -1e300, 0.0])
def test_no_time_at_all(impl, start, timeout):
    child = start(["sleep", "1000"])
    with pytest.raises(impl.TimeoutExpired) as info:
        child.communicate(timeout=timeout)
    assert info.value.timeout == timeout


@pytest.mark.parametrize("timeout", [5, 5.0, 1e6, None, True])
def test_time_enough(impl, start, timeout):
    assert start(["echo", "a"]).communicate(timeout=timeout) == (b"a\n", b"")


@pytest.mark.parametrize("timeout", [1e9, 1e18, 1e300, float("inf"), 10**30])
def test_more_time_than_any_clock_counts(start, impl, timeout):
    if impl.__name__ == "subprocess":
        pytest.skip("the standard library overflows or not, as the version has it")
    assert start(["echo", "a"]).communicate(timeout=timeout) == (b"a\n", b"")


@pytest.mark.parametrize("timeout", ["1", [], b"1", object()])
def test_no_number(start, timeout):
    child = start(["sleep", "1000"])
    with pytest.raises(TypeError):
        child.communicate(timeout=timeout)


def test_not_a_number(start, impl):
    if impl.__name__ == "subprocess":
        pytest.skip("the standard library refuses it or not, as the version has it")
    with pytest.raises(ValueError, match="NaN"):
        start(["sleep", "1000"]).communicate(timeout=float("nan"))


@pytest.mark.parametrize("pipes", [[], ["stdout"], ["stdin"], ["stdout", "stderr"], ["stdin", "stdout"]])
def test_each_number_of_pipes(impl, sleeper, pipes):
    child = sleeper(**dict.fromkeys(pipes, impl.PIPE))
    with pytest.raises(impl.TimeoutExpired):
        child.communicate(timeout=0.05)
    assert child.poll() is None


def test_the_output_ends_and_the_child_does_not(impl, start):
    child = start(["sh", "-c", "printf out; exec >&- 2>&-; exec sleep 1000"])
    with pytest.raises(impl.TimeoutExpired):
        child.communicate(timeout=0.3)
    assert child.poll() is None
    child.kill()
    assert child.communicate() == (b"out", b"")


def test_the_child_ends_and_the_output_does_not(impl, start):
    """A grandchild holds the pipe."""
    child = start(["sh", "-c", "sleep 1000 & echo $!"])
    with pytest.raises(impl.TimeoutExpired) as info:
        child.communicate(timeout=0.5)
    grandchild = int(info.value.output)
    os.kill(grandchild, 9)
    assert child.communicate() == (b"%d\n" % grandchild, b"")
    assert child.returncode == 0


@pytest.mark.since(3, 14)
def test_the_timeout_told_is_the_one_given_over_another_selector(impl, monkeypatch):
    monkeypatch.setattr(impl, "_PopenSelector", selectors.SelectSelector)
    with pytest.raises(impl.TimeoutExpired) as caught:
        impl.run(["sleep", "60"], timeout=-1)
    assert caught.value.timeout == -1
