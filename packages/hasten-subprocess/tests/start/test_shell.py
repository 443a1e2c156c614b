"""`shell=True`, and that there is never a shell without it."""

import os
from pathlib import Path

import pytest


def output(impl, args, **options):
    return impl.run(args, shell=True, stdout=impl.PIPE, **options).stdout


@pytest.mark.parametrize("command", ["echo $((1 + 2))", b"echo $((1 + 2))"])
def test_a_command_line(impl, command):
    done = impl.run(command, shell=True, stdout=impl.PIPE)
    assert (done.args, done.stdout) == (command, b"3\n")


def test_a_sequence_is_a_command_and_its_parameters(impl):
    assert output(impl, ["echo $0 $1; echo $#", "zero", "one two"]) == b"zero one two\n1\n"
    assert output(impl, [b"echo $0", "zero"]) == b"zero\n"


def test_the_callers_list_is_not_changed(impl):
    args = ["echo $0", "zero"]
    done = impl.run(args, shell=True, stdout=impl.PIPE)
    assert done.args is args
    assert args == ["echo $0", "zero"]


def test_a_path_is_no_command_line(impl):
    with pytest.raises(TypeError, match="path-like args is not allowed when shell is true"):
        impl.run(Path("true"), shell=True)


def test_the_shell_is_bin_sh(impl):
    assert output(impl, "tr '\\0' ' ' < /proc/$$/cmdline").startswith(b"/bin/sh -c ")


@pytest.mark.parametrize("executable", ["/bin/bash", b"/bin/bash", Path("/bin/bash")], ids=repr)
def test_another_shell(impl, executable):
    if not os.path.exists("/bin/bash"):
        pytest.skip("needs bash")
    assert output(impl, "echo $0 ${BASH_VERSION:+bash}", executable=executable) == b"/bin/bash bash\n"


def test_a_shell_that_is_missing(impl):
    with pytest.raises(FileNotFoundError) as info:
        impl.run("true", shell=True, executable="/no/such/shell")
    assert info.value.filename == "/no/such/shell"


def test_a_missing_program_is_the_shells_to_report(impl):
    done = impl.run("no-such-program", shell=True, stderr=impl.PIPE)
    assert done.returncode == 127
    assert b"no-such-program" in done.stderr


def test_environment_and_folder(impl, tmp_path):
    assert output(impl, "echo $A; pwd -P", env={"A": "b"}, cwd=tmp_path).split() == [
        b"b",
        os.fsencode(tmp_path.resolve()),
    ]


def test_a_signal_to_the_child_reaches_the_shell(impl):
    with impl.Popen("read line", shell=True, stdin=impl.PIPE) as child:
        child.terminate()
        assert child.wait() == -15


INJECTIONS = [
    "; touch injected",
    "$(touch injected)",
    "`touch injected`",
    "| touch injected",
    "& touch injected",
    "\n touch injected",
    "' ; touch injected ; '",
    '" ; touch injected ; "',
    "> injected",
]


@pytest.mark.parametrize("words", INJECTIONS)
def test_nothing_is_injected_where_no_shell_is_asked_for(impl, words, tmp_path):
    assert impl.run(["echo", words], cwd=tmp_path, stdout=impl.PIPE).stdout == words.encode() + b"\n"
    with pytest.raises(FileNotFoundError):
        impl.run("true" + words, cwd=tmp_path)
    script = tmp_path / "script"
    script.write_text("#!/bin/cat\n" + words)
    script.chmod(0o755)
    assert impl.run([script, words], cwd=tmp_path, stderr=impl.DEVNULL, stdout=impl.DEVNULL).returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["script"]


def test_parameters_of_a_shell_command_are_not_code(impl, tmp_path):
    for words in INJECTIONS:
        assert output(impl, ['printf %s "$1"', "sh", words], cwd=tmp_path) == words.encode()
    assert not list(tmp_path.iterdir())
