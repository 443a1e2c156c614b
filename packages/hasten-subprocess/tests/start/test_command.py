"""What is run: `args`, `executable` and the search along PATH."""

import os
import sys
from pathlib import Path

import pytest
from support.children import script

ECHO = "import os, sys; sys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
ENOENT, EACCES, ENOEXEC, ENOTDIR = 2, 13, 8, 20


@pytest.fixture
def program(tmp_path):
    """Make a program in a folder below tmp_path that prints *told* and $0; returns its path."""

    def make(path, told, mode=0o755, first_line="#!/bin/sh\n"):
        path = tmp_path / path
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'{first_line}echo {told} "$0"\n')
        path.chmod(mode)
        return path

    return make


def output(impl, *args, **options):
    return impl.run(*args, stdout=impl.PIPE, **options).stdout


@pytest.mark.parametrize("args", [
    ["echo", "a", "b"],
    ("echo", "a", "b"),
    [b"echo", b"a", b"b"],
    ["echo", b"a", Path("b")],
    [Path("echo"), "a", "b"],
], ids=repr)  # fmt: skip
def test_sequences(impl, args):
    done = impl.run(args, stdout=impl.PIPE)
    assert done.args is args
    assert done.stdout == b"a b\n"


def test_iterator(impl):
    assert output(impl, iter(["echo", "a"])) == b"a\n"


@pytest.mark.parametrize("args", ["true", b"true", Path("true")], ids=repr)
def test_a_program_alone(impl, args):
    with impl.Popen(args) as child:
        assert child.args is args
    assert child.returncode == 0


def test_a_string_is_one_program_and_not_a_command_line(impl):
    with pytest.raises(FileNotFoundError) as info:
        impl.run("echo a")
    assert info.value.filename == "echo a"


@pytest.mark.parametrize("words", [
    [""],
    ["", "", ""],
    ["a b", "c\td", "e\nf"],
    ["$HOME", "`id`", "$(id)", "; id", "| id", "&& id", "> /dev/full", "*", "~", "'", '"', "\\"],
    ["ü", "\u4e16", "\U0001f600", "\udcff\udc80"],
    ["-c", "--help"],
    ["x" * 100_000],
    ["x"] * 20_000,
])  # fmt: skip
def test_words_arrive_as_they_are(impl, words):
    assert output(impl, script(ECHO, *words)) == b"\0".join(map(os.fsencode, words))


def test_executable_replaces_the_program_and_not_its_name(impl):
    assert output(impl, ["another name", "-c", "echo $0 $1", "zero", "one"], executable="sh") == b"zero one\n"
    args = ["another name", "-c", "tr '\\0' ' ' < /proc/$$/cmdline"]
    assert output(impl, args, executable="/bin/sh").startswith(b"another name -c ")


@pytest.mark.parametrize(
    "executable", ["/bin/echo", b"/bin/echo", Path("/bin/echo"), "echo", b"echo"], ids=repr
)
def test_kinds_of_executable(impl, executable):
    assert output(impl, ["x", "a"], executable=executable) == b"a\n"


def test_path_is_searched_in_its_order(impl, program, tmp_path):
    for folder in "ab":
        program(f"{folder}/prog", folder)
    for path, expected in [("a:b", b"a"), ("b:a", b"b"), ("nowhere:b", b"b"), ("a/prog:b", b"b")]:
        env = {"PATH": ":".join(str(tmp_path / part) for part in path.split(":"))}
        assert output(impl, ["prog"], env=env).startswith(expected)


@pytest.mark.parametrize("key, value", [("PATH", str), (b"PATH", bytes)])
def test_the_childs_path_is_searched(impl, program, monkeypatch, tmp_path, key, value):
    program("ours/prog", "ours")
    program("childs/prog", "childs")
    monkeypatch.setenv("PATH", str(tmp_path / "ours"), prepend=os.pathsep)
    child_path = bytes(tmp_path / "childs") if value is bytes else str(tmp_path / "childs")
    assert output(impl, ["prog"], env={key: child_path}).startswith(b"childs")
    assert output(impl, ["prog"]).startswith(b"ours")


def test_the_default_path_when_there_is_none(impl):
    assert output(impl, ["echo", "a"], env={}) == b"a\n"


def test_an_absolute_program_is_not_searched(impl, program):
    path = program("a/prog", "a")
    assert output(impl, [path], env={"PATH": "/nowhere"}).split() == [b"a", bytes(path)]


def test_an_unusable_program_does_not_end_the_search(impl, program, tmp_path):
    program("a/prog", "a", mode=0o644)
    program("b/prog", "b")
    assert output(impl, ["prog"], env={"PATH": f"{tmp_path}/a:{tmp_path}/b"}).startswith(b"b")


@pytest.mark.parametrize("path, error", [
    ("a", PermissionError),
    ("a:nowhere", PermissionError),
    ("nowhere:a", PermissionError),
    ("nowhere", FileNotFoundError),
    ("a/prog:nowhere", FileNotFoundError),
    ("", FileNotFoundError),  # an empty folder is the child's cwd
])  # fmt: skip
def test_what_the_search_says_in_the_end(impl, program, tmp_path, path, error):
    program("a/prog", "a", mode=0o644)
    path = ":".join(str(tmp_path / part) if part else "" for part in path.split(":"))
    with pytest.raises(error) as info:
        impl.run(["prog"], env={"PATH": path}, cwd=tmp_path)
    assert info.value.filename == "prog"


def test_a_name_with_a_slash_is_not_searched(impl, program, tmp_path):
    program("a/prog", "a")
    with pytest.raises(FileNotFoundError):
        impl.run(["./prog"], env={"PATH": str(tmp_path / "a")})
    assert output(impl, ["./prog"], cwd=tmp_path / "a").split() == [b"a", b"./prog"]
    assert output(impl, ["a/prog"], cwd=tmp_path).split() == [b"a", b"a/prog"]


@pytest.mark.parametrize("program", ["no-such-program", "/no/such/program", "./no-such-program"])
@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_missing(impl, program, kind):
    program = kind(program)
    with pytest.raises(FileNotFoundError) as info:
        impl.Popen([program])
    error = info.value
    assert (error.errno, os.fspath(error.filename)) == (ENOENT, os.fspath(program))
    assert (error.strerror, error.filename2) == (os.strerror(ENOENT), None)
    assert str(error) == f"[Errno {ENOENT}] {os.strerror(ENOENT)}: {error.filename!r}"


@pytest.mark.parametrize("stdin", [None, "PIPE"])
@pytest.mark.parametrize("preexec_fn", [None, int])
def test_missing_leaves_no_attribute_that_misleads(impl, stdin, preexec_fn):
    class Kept(impl.Popen):
        def __init__(self, *args, **options):
            kept.append(self)
            super().__init__(*args, **options)

    kept = []
    with pytest.raises(FileNotFoundError):
        Kept(["no-such-program"], stdin=stdin and impl.PIPE, preexec_fn=preexec_fn)
    assert kept[0].stdin is None or kept[0].stdin.closed


def test_not_executable(impl, program):
    path = program("a/prog", "a", mode=0o644)
    with pytest.raises(PermissionError) as info:
        impl.run([path])
    assert (info.value.errno, str(info.value.filename)) == (EACCES, str(path))


def test_a_folder_is_no_program(impl, tmp_path):
    with pytest.raises(PermissionError) as info:
        impl.run([str(tmp_path)])
    assert (info.value.errno, info.value.filename) == (EACCES, str(tmp_path))


def test_a_file_is_no_folder(impl, program):
    path = program("a/prog", "a") / "x"
    with pytest.raises(NotADirectoryError) as info:
        impl.run([path])
    assert (info.value.errno, str(info.value.filename)) == (ENOTDIR, str(path))


def test_exec_format_error_and_no_shell_behind_the_back(impl, program):
    path = program("a/prog", "a", first_line="")
    with pytest.raises(OSError) as info:
        impl.run([path])
    assert (info.value.errno, str(info.value.filename)) == (ENOEXEC, str(path))


def test_exec_format_error_of_an_empty_file(impl, program, tmp_path):
    path = tmp_path / "empty"
    path.touch(0o755)
    with pytest.raises(OSError) as info:
        impl.run(["empty"], env={"PATH": str(tmp_path)})
    assert (info.value.errno, info.value.filename) == (ENOEXEC, "empty")


def test_the_interpreter_of_a_script_is_missing(impl, program):
    path = program("a/prog", "a", first_line="#!/no/such/interpreter\n")
    with pytest.raises(FileNotFoundError) as info:
        impl.run([path])
    assert str(info.value.filename) == str(path)


def test_the_empty_name(impl):
    with pytest.raises(OSError) as info:
        impl.run([""])
    assert info.value.filename == ""


def test_no_args(impl):
    with pytest.raises(IndexError):
        impl.run([])


def test_too_long(impl):
    for args, env in [(["true", "x" * (1 << 22)], None), (["true"], {"A": "x" * (1 << 22)})]:
        with pytest.raises(OSError) as info:
            impl.run(args, env=env)
        assert (info.value.errno, info.value.filename) == (7, "true")


@pytest.mark.parametrize("args", [["tr\0ue"], ["true", "a\0b"], [b"true", b"\0"], "tr\0ue"], ids=repr)
@pytest.mark.parametrize("shell", [False, True])
def test_embedded_nul(impl, args, shell):
    with pytest.raises(ValueError, match="embedded null"):
        impl.run(args, shell=shell)
    with pytest.raises(ValueError, match="embedded null"):
        impl.run(["true"], executable="/bin/\0true")


def test_what_no_file_name_can_hold(impl):
    with pytest.raises(UnicodeEncodeError):
        impl.run(["\ud800"])
    with pytest.raises(UnicodeEncodeError):
        impl.run(["echo", "\ud800"])


def test_the_interpreter_itself(impl):
    assert output(impl, [sys.executable, "-c", "print(1)"]) == b"1\n"
