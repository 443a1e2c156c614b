"""run() and CompletedProcess."""

import pickle
import signal

import pytest
from support.children import children_left, is_gone


def test_completed(impl):
    done = impl.run(["sh", "-c", "echo out; echo err >&2; exit 3"], capture_output=True)
    assert type(done) is impl.CompletedProcess
    assert done.args == ["sh", "-c", "echo out; echo err >&2; exit 3"]
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_nothing_captured_by_default(impl, capfd):
    done = impl.run(["sh", "-c", "echo out; echo err >&2"])
    assert (done.stdout, done.stderr) == (None, None)
    assert capfd.readouterr() == ("out\n", "err\n")


@pytest.mark.parametrize("given, text", [(b"word", False), (b"", False), ("word", True), ("", True)])
def test_input(impl, given, text):
    assert impl.run(["cat"], input=given, text=text, capture_output=True).stdout == given


def test_input_and_no_output(impl):
    assert impl.run(["sh", "-c", "read word; test $word = a"], input=b"a\n").returncode == 0


def test_stdin_of_the_caller_without_input(impl, tmp_path):
    (tmp_path / "in").write_text("word")
    with open(tmp_path / "in") as file:
        assert impl.run(["cat"], stdin=file, input=None, stdout=impl.PIPE).stdout == b"word"


CAPTURED = "stdout and stderr arguments may not be used with capture_output."


@pytest.mark.parametrize("options, words", [
    ({"input": b"", "stdin": 0}, "stdin and input arguments may not both be used."),
    ({"capture_output": True, "stdout": 1}, CAPTURED),
    ({"capture_output": True, "stderr": 1}, CAPTURED),
])  # fmt: skip
def test_arguments_that_contradict(impl, options, words):
    with pytest.raises(ValueError) as info:
        impl.run(["true"], **options)
    assert str(info.value) == words


def test_check(impl):
    assert impl.run(["true"], check=True).returncode == 0
    with pytest.raises(impl.CalledProcessError) as info:
        impl.run(["sh", "-c", "echo out; echo err >&2; exit 3"], check=True, capture_output=True)
    error = info.value
    assert (error.returncode, error.cmd[0], error.output, error.stderr) == (3, "sh", b"out\n", b"err\n")


def test_check_of_a_signal(impl):
    with pytest.raises(impl.CalledProcessError) as info:
        impl.run(["sh", "-c", "kill -9 $$"], check=True)
    assert info.value.returncode == -9


def test_timeout_kills(impl, tmp_path):
    pid = tmp_path / "pid"
    with pytest.raises(impl.TimeoutExpired) as info:
        impl.run(["sh", "-c", f"echo $$ > {pid}; exec sleep 1000"], timeout=0.3)
    assert info.value.timeout == pytest.approx(
        0.3, abs=0.2
    )  # up to 3.14 what was left of it for the last wait
    assert is_gone(int(pid.read_text()))


@pytest.mark.parametrize("text", [False, True])
def test_timeout_tells_what_has_come(impl, text):
    with pytest.raises(impl.TimeoutExpired) as info:
        impl.run(
            ["sh", "-c", "echo out; echo err >&2; exec sleep 1000"],
            timeout=0.3,
            capture_output=True,
            text=text,
        )
    assert (info.value.stdout, info.value.stderr) == (b"out\n", b"err\n")


def test_time_enough(impl):
    assert impl.run(["echo", "a"], timeout=30, capture_output=True).stdout == b"a\n"
    assert impl.run(["true"], timeout=30).returncode == 0
    assert impl.run(["cat"], timeout=30, input=b"a", stdout=impl.PIPE).stdout == b"a"


@pytest.mark.parametrize(
    "streams", [{}, {"capture_output": True}, {"input": b"x" * 200_000}], ids=["none", "outputs", "stdin"]
)
def test_no_time(impl, streams):
    with pytest.raises(impl.TimeoutExpired):
        impl.run(["sleep", "1000"], timeout=0, **streams)


def test_an_error_while_communicating_kills_the_child(impl, monkeypatch):
    """Whatever it is: run() leaves no child behind."""

    class Surprise(Exception):
        pass

    def fail(self, *args, **options):
        seen.append(self)
        raise Surprise

    seen = []
    monkeypatch.setattr(impl.Popen, "communicate", fail)
    with pytest.raises(Surprise):
        impl.run(["sleep", "1000"], capture_output=True)
    assert seen[0].returncode == -signal.SIGKILL


def test_bad_input_kills_the_child(impl):
    with pytest.raises(TypeError):
        impl.run(["sleep", "1000"], input="text for bytes")
    with pytest.raises((AttributeError, TypeError)):
        impl.run(["sleep", "1000"], input=b"bytes for text", text=True)
    assert children_left() == []


def test_args_by_keyword(impl):
    assert impl.run(args=["true"]).args == ["true"]
    with pytest.raises(TypeError):
        impl.run()


def test_positional_arguments_are_those_of_popen(impl):
    assert impl.run(["x", "-c", "echo a"], -1, "sh", None, impl.PIPE).stdout == b"a\n"


@pytest.mark.parametrize("fields, shown", [
    ((["true"], 0), "CompletedProcess(args=['true'], returncode=0)"),
    (("true", -9, b"out"), "CompletedProcess(args='true', returncode=-9, stdout=b'out')"),
    ((["a"], 1, None, ""), "CompletedProcess(args=['a'], returncode=1, stderr='')"),
    ((["a"], 1, b"o", b"e"), "CompletedProcess(args=['a'], returncode=1, stdout=b'o', stderr=b'e')"),
])  # fmt: skip
def test_repr_of_completed_process(impl, fields, shown):
    assert repr(impl.CompletedProcess(*fields)) == shown


def test_completed_process_by_hand(impl):
    done = impl.CompletedProcess(args=["a"], returncode=1, stdout=b"o", stderr=b"e")
    assert vars(done) == {"args": ["a"], "returncode": 1, "stdout": b"o", "stderr": b"e"}
    done.stdout = b"changed"
    assert done.stdout == b"changed"
    with pytest.raises(TypeError):
        impl.CompletedProcess(["a"])


def test_check_returncode(impl):
    assert impl.CompletedProcess(["a"], 0).check_returncode() is None
    for status in [1, -9, 255]:
        with pytest.raises(impl.CalledProcessError) as info:
            impl.CompletedProcess(["a"], status, b"o", b"e").check_returncode()
        error = info.value
        assert (error.returncode, error.cmd, error.stdout, error.stderr) == (status, ["a"], b"o", b"e")


def test_completed_process_is_picklable(impl):
    done = impl.run(["echo", "a"], capture_output=True)
    again = pickle.loads(pickle.dumps(done))
    assert type(again) is impl.CompletedProcess
    assert vars(again) == vars(done)
