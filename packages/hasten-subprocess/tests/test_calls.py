"""call, check_call, check_output, getoutput, getstatusoutput and list2cmdline."""

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.children import is_gone

import hasten.subprocess


@pytest.mark.parametrize("status", [0, 1, 255])
def test_call(impl, status):
    assert impl.call(["sh", "-c", f"exit {status}"]) == status
    assert impl.call(f"exit {status}", shell=True) == status


def test_call_times_out(impl, tmp_path):
    pid = tmp_path / "pid"
    for function in impl.call, impl.check_call:
        with pytest.raises(impl.TimeoutExpired):
            function(["sh", "-c", f"echo $$ > {pid}; exec sleep 1000"], timeout=0.3)
        assert is_gone(int(pid.read_text()))


def test_check_call(impl):
    assert impl.check_call(["true"]) == 0
    with pytest.raises(impl.CalledProcessError) as info:
        impl.check_call(["sh", "-c", "exit 3"])
    assert (info.value.returncode, info.value.cmd) == (3, ["sh", "-c", "exit 3"])
    with pytest.raises(impl.CalledProcessError) as info:
        impl.check_call(args=["false"])
    assert info.value.cmd == ["false"]


@pytest.mark.parametrize("function", ["call", "check_call"])
def test_options_of_call(impl, tmp_path, function):
    with open(tmp_path / "out", "wb") as file:
        getattr(impl, function)(["pwd", "-P"], stdout=file, cwd="/", timeout=30)
    assert (tmp_path / "out").read_bytes() == b"/\n"


def test_check_output(impl, capfd):
    assert impl.check_output(["sh", "-c", "echo out; echo err >&2"]) == b"out\n"
    assert capfd.readouterr() == ("", "err\n")
    assert impl.check_output("echo err >&2", shell=True, stderr=impl.STDOUT) == b"err\n"


def test_check_output_fails(impl):
    with pytest.raises(impl.CalledProcessError) as info:
        impl.check_output("echo out; exit 3", shell=True, text=True)
    assert (info.value.returncode, info.value.output, info.value.stdout) == (3, "out\n", "out\n")


@pytest.mark.parametrize("options, expected", [
    ({}, b""),
    ({"text": True}, ""),
    ({"universal_newlines": True}, ""),
    pytest.param({"encoding": "utf-8"}, "", marks=pytest.mark.since(3, 11)),
    pytest.param({"errors": "replace"}, "", marks=pytest.mark.since(3, 11)),
])  # fmt: skip
def test_check_output_without_input_gives_an_empty_one(impl, options, expected):
    """None stands for nothing: the child does not read from the caller's stdin."""
    assert impl.check_output(["cat"], input=None, **options) == expected


def test_check_output_with_input(impl):
    assert impl.check_output(["cat"], input=b"a") == b"a"
    assert impl.check_output(["cat"], input="a", text=True) == "a"
    with pytest.raises(ValueError, match="stdin and input arguments may not both be used"):
        impl.check_output(["cat"], input=b"a", stdin=impl.PIPE)


def test_check_output_decides_on_stdout(impl):
    with pytest.raises(ValueError, match="stdout argument not allowed, it will be overridden"):
        impl.check_output(["true"], stdout=impl.PIPE)


@pytest.mark.since(3, 11)
def test_check_output_decides_on_check(impl):
    with pytest.raises(ValueError, match="check argument not allowed, it will be overridden"):
        impl.check_output(["true"], check=True)


def test_check_output_times_out(impl):
    with pytest.raises(impl.TimeoutExpired) as info:
        impl.check_output(["sh", "-c", "echo out; exec sleep 1000"], timeout=0.3)
    assert info.value.output == b"out\n"


@pytest.mark.parametrize("command, status, output", [
    ("echo a", 0, "a"),
    ("printf 'a\\n\\n'", 0, "a\n"),
    ("printf '\\n'", 0, ""),
    ("true", 0, ""),
    ("echo out; echo err >&2; exit 3", 3, "out\nerr"),
    ("kill -9 $$", -9, ""),
    (["echo $0", "zero"], 0, "zero"),
])  # fmt: skip
def test_getstatusoutput(impl, command, status, output):
    assert impl.getstatusoutput(command) == (status, output)
    assert impl.getoutput(command) == output


def test_getoutput_of_a_replaced_check_output(impl, monkeypatch):
    """A program's tests may let it return bytes, or whatever has slices."""
    monkeypatch.setattr(impl, "check_output", lambda *args, **options: b"12\n")
    assert impl.getoutput("command") == b"12\n"


@pytest.mark.since(3, 11)
def test_getoutput_with_an_encoding(impl):
    assert impl.getoutput("printf '\\374'", encoding="latin-1") == "\u00fc"
    assert impl.getstatusoutput("printf '\\374'", encoding="utf-8", errors="replace") == (0, "\ufffd")
    with pytest.raises(UnicodeDecodeError):
        impl.getoutput("printf '\\374'", encoding="utf-8")
    with pytest.raises(TypeError):
        impl.getoutput("true", "utf-8")


@pytest.mark.parametrize("words, line", [
    ([], ""),
    ([""], '""'),
    (["a", "b"], "a b"),
    (["a b c", "d", "e"], '"a b c" d e'),
    (['ab"c', "\\", "d"], 'ab\\"c \\ d'),
    (['ab"c', " \\", "d"], 'ab\\"c " \\\\" d'),
    (["a\\\\\\b", "de fg", "h"], 'a\\\\\\b "de fg" h'),
    (['a\\"b', "c", "d"], 'a\\\\\\"b c d'),
    (["a\\\\b c", "d", "e"], '"a\\\\b c" d e'),
    (["a\tb"], '"a\tb"'),
    (["a\nb"], "a\nb"),
    (["a", ""], 'a ""'),
    ([b"a", "b"], "a b"),
])  # fmt: skip
def test_list2cmdline(impl, words, line):
    assert impl.list2cmdline(words) == line


@given(st.lists(st.text(alphabet='ab \t"\\\n', max_size=8), max_size=5))
def test_list2cmdline_is_the_standard_librarys(words):
    import subprocess

    assert hasten.subprocess.list2cmdline(words) == subprocess.list2cmdline(words)


@pytest.mark.parametrize("function", ["call", "check_call", "check_output", "run"])
def test_missing_programs(impl, function):
    with pytest.raises(FileNotFoundError):
        getattr(impl, function)(["no-such-program"])


WRONG = {
    "Popen without arguments": lambda impl: mock.create_autospec(impl.Popen)(),
    "Popen with a name it lacks": lambda impl: mock.create_autospec(impl.Popen)(["true"], folder="/"),
    "wait": lambda impl: mock.create_autospec(impl.Popen)(["true"]).wait(1, 2),
    "poll": lambda impl: mock.create_autospec(impl.Popen)(["true"]).poll(1),
    "communicate": lambda impl: mock.create_autospec(impl.Popen)(["true"]).communicate(b"", 1, 2),
    "send_signal": lambda impl: mock.create_autospec(impl.Popen)(["true"]).send_signal(),
    "CompletedProcess": lambda impl: mock.create_autospec(impl.CompletedProcess)(["true"]),
    "check_returncode": lambda impl: mock.create_autospec(impl.CompletedProcess)([], 0).check_returncode(1),
    "getoutput": lambda impl: mock.create_autospec(impl.getoutput)(),
    "getstatusoutput": lambda impl: mock.create_autospec(impl.getstatusoutput)("true", 1),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=list(WRONG))
def test_a_mock_refuses_wrong_calls(impl, call):
    with pytest.raises(TypeError):
        call(impl)


def test_a_mock_of_wait_any_refuses_wrong_calls():
    wait_any = mock.create_autospec(hasten.subprocess.wait_any)
    for arguments in ((), ([], 1, 2)):
        with pytest.raises(TypeError):
            wait_any(*arguments)
    wait_any([], timeout=1)


def test_a_mock_of_run_takes_right_calls(impl):
    run = mock.create_autospec(impl.run)
    run(["true"], input=b"", timeout=1, check=True, cwd="/")
    run.assert_called_once_with(["true"], input=b"", timeout=1, check=True, cwd="/")
