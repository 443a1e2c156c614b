"""The exceptions: the standard library's own classes, with their words."""

import copy
import pickle
import signal
import subprocess

import pytest

import hasten.subprocess

NAMES = ["SubprocessError", "CalledProcessError", "TimeoutExpired"]


@pytest.mark.parametrize("name", NAMES)
def test_one_world(name):
    """The very same class."""
    assert getattr(hasten.subprocess, name) is getattr(subprocess, name)


def test_ours_are_caught_as_theirs():
    with pytest.raises(subprocess.CalledProcessError):
        hasten.subprocess.run(["false"], check=True)
    with pytest.raises(subprocess.TimeoutExpired):
        hasten.subprocess.run(["sleep", "1000"], timeout=0.01)
    with pytest.raises(subprocess.SubprocessError):
        hasten.subprocess.run(["true"], preexec_fn=5)


def test_theirs_are_caught_as_ours():
    with pytest.raises(hasten.subprocess.CalledProcessError):
        subprocess.run(["false"], check=True)
    with pytest.raises(hasten.subprocess.TimeoutExpired):
        subprocess.run(["sleep", "1000"], timeout=0.01)
    with pytest.raises(hasten.subprocess.SubprocessError):
        subprocess.run(["true"], preexec_fn=5)


def test_called_process_error(impl):
    error = impl.CalledProcessError(2, ["a", "b"], output=b"out", stderr=b"err")
    assert vars(error) == {"returncode": 2, "cmd": ["a", "b"], "output": b"out", "stderr": b"err"}
    assert error.stdout == b"out"
    error.stdout = b"other"
    assert (error.output, error.stdout) == (b"other", b"other")
    assert isinstance(error, impl.SubprocessError) and isinstance(error, Exception)


def test_timeout_expired(impl):
    error = impl.TimeoutExpired(["a"], 5, output=b"out", stderr=b"err")
    assert vars(error) == {"cmd": ["a"], "timeout": 5, "output": b"out", "stderr": b"err"}
    assert error.stdout == b"out"
    error.stdout = None
    assert error.output is None
    assert not isinstance(error, TimeoutError)


@pytest.mark.parametrize("status, words", [
    (3, "Command '['a', 'b']' returned non-zero exit status 3."),
    (255, "Command '['a', 'b']' returned non-zero exit status 255."),
    (-9, f"Command '['a', 'b']' died with {signal.SIGKILL!r}."),
    (-15, f"Command '['a', 'b']' died with {signal.SIGTERM!r}."),
    (-1000, "Command '['a', 'b']' died with unknown signal 1000."),
])  # fmt: skip
def test_words_of_called_process_error(impl, status, words):
    shown = str(impl.CalledProcessError(status, ["a", "b"]))
    assert shown.replace("Command ['a', 'b'] ", "Command '['a', 'b']' ") == words


@pytest.mark.parametrize("cmd", ["a b", ["a"], b"a", ("a", "b")], ids=repr)
def test_words_of_timeout_expired(impl, cmd):
    assert str(impl.TimeoutExpired(cmd, 5)) == f"Command '{cmd}' timed out after 5 seconds"
    assert str(impl.TimeoutExpired(cmd, 0.5)) == f"Command '{cmd}' timed out after 0.5 seconds"


@pytest.mark.since(3, 15)
@pytest.mark.parametrize("status", [3, None])
@pytest.mark.parametrize("cmd", ["a 'quoted' b", ["a"], b"a", None], ids=repr)
def test_words_of_3_15(impl, status, cmd):
    error = impl.CalledProcessError(status, cmd)
    assert str(error) == f"Command {cmd!r} returned non-zero exit status {status}."


def test_words_of_what_run_raises(impl):
    with pytest.raises(impl.CalledProcessError, match="exit status 3"):
        impl.run(["sh", "-c", "exit 3"], check=True)
    with pytest.raises(impl.CalledProcessError, match="died with <Signals.SIGKILL: 9>"):
        impl.run(["sh", "-c", "kill -9 $$"], check=True)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, "pickle"])
def test_copies(impl, how):
    for error in [
        impl.CalledProcessError(2, ["a"], output=b"o", stderr=b"e"),
        impl.TimeoutExpired(["a"], 5, output=b"o", stderr=b"e"),
    ]:
        again = pickle.loads(pickle.dumps(error)) if how == "pickle" else how(error)
        assert type(again) is type(error)
        assert (vars(again), str(again)) == (vars(error), str(error))


def test_what_run_raises_can_be_pickled(impl):
    with pytest.raises(impl.CalledProcessError) as info:
        impl.run(["sh", "-c", "echo out; exit 3"], check=True, capture_output=True)
    again = pickle.loads(pickle.dumps(info.value))
    assert vars(again) == vars(info.value)


@pytest.mark.parametrize("name", ["CalledProcessError", "TimeoutExpired"])
def test_by_keyword(impl, name):
    cls = getattr(impl, name)
    error = cls(
        cmd="a", output=1, stderr=2, **{"returncode" if name == "CalledProcessError" else "timeout": 3}
    )
    assert (error.cmd, error.output, error.stderr) == ("a", 1, 2)
    with pytest.raises(TypeError):
        cls()


def test_subclasses(impl):
    class Mine(impl.CalledProcessError):
        pass

    error = Mine(3, "a")
    assert str(error).endswith("returned non-zero exit status 3.")
    with pytest.raises(impl.CalledProcessError):
        raise error
