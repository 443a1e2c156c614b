"""Text: `text`, `universal_newlines`, `encoding`, `errors`, and buffers: `bufsize` and `pipesize`."""

import fcntl
import io
import locale
import sys

import pytest

WORDS = "gr\u00fc\u00df \u4e16\u754c \U0001f600"
F_GETPIPE_SZ = 1032


@pytest.mark.parametrize("options, is_text", [
    ({}, False),
    ({"text": None}, False),
    ({"text": False}, False),
    ({"universal_newlines": False}, False),
    ({"text": False, "universal_newlines": False}, False),
    ({"text": False, "encoding": "utf-8"}, True),
    ({"errors": "replace"}, True),
    ({"encoding": "utf-8"}, True),
    ({"text": True}, True),
    ({"universal_newlines": True}, True),
    ({"text": True, "universal_newlines": True}, True),
])  # fmt: skip
def test_what_makes_it_text(impl, options, is_text):
    with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE, stderr=impl.PIPE, **options) as child:
        for stream in child.stdin, child.stdout, child.stderr:
            assert isinstance(stream, io.TextIOWrapper) is is_text
        out, err = child.communicate("a" if is_text else b"a")
    assert (out, err) == (("a", "") if is_text else (b"a", b""))
    assert bool(child.text_mode) is is_text
    assert bool(child.universal_newlines) is is_text
    assert child.errors == options.get("errors")
    if "encoding" in options or not is_text:  # else it is that of the locale, or None up to 3.10
        assert child.encoding == options.get("encoding")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32-be", "latin-1", "cp1252", "utf-8-sig"])
def test_encodings(impl, encoding):
    words = WORDS if "utf" in encoding else "gr\u00fc\u00df"
    done = impl.run(["cat"], input=words, encoding=encoding, stdout=impl.PIPE)
    assert done.stdout == words


def test_the_encoding_of_the_locale(impl):
    with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE, text=True) as child:
        assert child.stdout.encoding.lower() == locale.getpreferredencoding(False).lower()
        assert child.stdin.errors == child.stdout.errors == "strict"


@pytest.mark.parametrize("errors, expected", [
    ("replace", "a\ufffdb"),
    ("ignore", "ab"),
    ("backslashreplace", "a\\xffb"),
    ("surrogateescape", "a\udcffb"),
])  # fmt: skip
def test_errors(impl, errors, expected):
    for options in {"encoding": "utf-8"}, {"encoding": "ascii"}:
        done = impl.run(["printf", "a\\377b"], stdout=impl.PIPE, errors=errors, **options)
        assert done.stdout == expected


def test_errors_of_the_input(impl):
    done = impl.run(["cat"], input="a\udcffb", stdout=impl.PIPE, encoding="utf-8", errors="surrogateescape")
    assert done.stdout == "a\udcffb"
    with pytest.raises(UnicodeEncodeError):
        impl.run(["cat"], input="a\udcffb", stdout=impl.PIPE, encoding="utf-8")


@pytest.mark.parametrize("raw, reason", [
    ("\\377", "invalid start byte"),
    ("ok\\342\\202", "unexpected end of data"),
    ("ok\\342x", "invalid continuation byte"),
])  # fmt: skip
def test_bytes_that_are_no_text(impl, raw, reason):
    """The child is waited for nevertheless."""
    with impl.Popen(["printf", raw], stdout=impl.PIPE, encoding="utf-8") as child:
        with pytest.raises(UnicodeDecodeError, match=reason):
            child.communicate()
    assert child.returncode == 0


@pytest.mark.parametrize("raw, text", [
    ("a\\nb\\n", "a\nb\n"),
    ("a\\r\\nb\\r\\n", "a\nb\n"),
    ("a\\rb\\r", "a\nb\n"),
    ("a\\r\\r\\nb\\n\\r", "a\n\nb\n\n"),
    ("\\r", "\n"),
    ("", ""),
    ("\\n", "\n"),
])  # fmt: skip
def test_ends_of_lines(impl, raw, text):
    assert impl.run(["printf", raw], stdout=impl.PIPE, text=True).stdout == text
    assert impl.run(["sh", "-c", f"printf '{raw}' >&2"], stderr=impl.PIPE, text=True).stderr == text
    with impl.Popen(["printf", raw], stdout=impl.PIPE, text=True) as child:
        assert list(child.stdout) == text.splitlines(keepends=True)


def test_an_end_of_a_line_between_two_reads(impl):
    """Its halves arrive with a pause between them."""
    command = "printf 'a\\r'; sleep 0.3; printf '\\nb'"
    with impl.Popen(["sh", "-c", command], stdin=impl.PIPE, stdout=impl.PIPE, text=True) as child:
        with pytest.raises(impl.TimeoutExpired):
            child.communicate(timeout=0.1)
        assert child.communicate()[0] == "a\nb"


def test_large_with_ends_of_lines(impl):
    line = "x" * 99 + "\r\n"
    done = impl.run(["cat"], input=line * 30_000, stdout=impl.PIPE, encoding="utf-8")
    assert done.stdout == line.replace("\r\n", "\n") * 30_000


def test_input_keeps_its_ends_of_lines(impl):
    done = impl.run(["od", "-An", "-c"], input="a\r\nb\n\r", stdout=impl.PIPE, text=True)
    assert done.stdout.split() == ["a", "\\r", "\\n", "b", "\\n", "\\r"]


def test_characters_cut_by_reads(impl):
    """Three bytes each, so that no read of a power of two ends between two of them."""
    text = "\u4e16" * 300_000
    assert impl.run(["cat"], input=text, stdout=impl.PIPE, encoding="utf-8").stdout == text


@pytest.mark.parametrize("bufsize, classes", [
    (-1, (io.BufferedWriter, io.BufferedReader)),
    (None, (io.BufferedWriter, io.BufferedReader)),
    (4096, (io.BufferedWriter, io.BufferedReader)),
    (0, (io.FileIO, io.FileIO)),
])  # fmt: skip
def test_bufsize(impl, bufsize, classes):
    with impl.Popen(["cat"], bufsize=bufsize, stdin=impl.PIPE, stdout=impl.PIPE) as child:
        assert (type(child.stdin), type(child.stdout)) == classes
        child.stdin.write(b"a")
        child.stdin.close()
        assert child.stdout.read() == b"a"


@pytest.mark.parametrize("bufsize", [1, -1, 10])
def test_lines_are_sent_one_by_one_with_bufsize_one(impl, bufsize):
    with impl.Popen(["cat"], bufsize=bufsize, stdin=impl.PIPE, stdout=impl.PIPE, text=True) as child:
        assert child.stdin.line_buffering is (bufsize == 1)
        child.stdin.write("line\n")
        if bufsize != 1:
            child.stdin.flush()
        assert child.stdout.readline() == "line\n"


def test_unbuffered_text_is_not_held_back(impl):
    with impl.Popen(["cat"], bufsize=0, stdin=impl.PIPE, stdout=impl.PIPE, text=True) as child:
        child.stdin.write("a")
        assert child.stdout.read(1) == "a"


def test_line_buffering_of_bytes_warns(impl):
    with pytest.warns(RuntimeWarning, match="line buffering"):
        child = impl.Popen(["cat"], bufsize=1, stdin=impl.PIPE)
    with child:
        assert isinstance(child.stdin, io.BufferedWriter)


@pytest.mark.since(3, 10)
@pytest.mark.skipif(sys.platform != "linux", reason="F_SETPIPE_SZ is Linux's")
@pytest.mark.parametrize("pipesize, expected", [(-1, 65536), (0, 65536), (4096, 4096), (100_000, 131_072)])
def test_pipesize(impl, pipesize, expected):
    streams = dict.fromkeys(["stdin", "stdout", "stderr"], impl.PIPE)
    with impl.Popen(["cat"], pipesize=pipesize, **streams) as child:
        for stream in child.stdin, child.stdout, child.stderr:
            assert fcntl.fcntl(stream.fileno(), F_GETPIPE_SZ) == expected
        assert child.pipesize == pipesize
        assert child.communicate(b"x" * 300_000) == (b"x" * 300_000, b"")


@pytest.mark.since(3, 10)
def test_pipesize_without_pipes(impl):
    impl.run(["true"], pipesize=4096)


@pytest.mark.parametrize("how", ["encoding", "text"])
def test_a_warning_where_the_encoding_is_left_open(impl, python, how):
    if sys.version_info < (3, 11):
        pytest.skip("-X warn_default_encoding is said for subprocess since 3.11")
    program = f"""
import {impl.__name__} as subprocess, warnings
warnings.simplefilter("always")
with warnings.catch_warnings(record=True) as caught:
    subprocess.run(["true"], stdout=subprocess.PIPE, {how}={"'utf-8'" if how == "encoding" else True})
    print([(w.category.__name__, str(w.message), w.lineno) for w in caught])
"""
    said = [("EncodingWarning", "'encoding' argument not specified.", 5)] if how == "text" else []
    assert python(program, "-X", "warn_default_encoding") == f"{said}\n"


def test_reading_by_hand(impl):
    with impl.Popen(["sh", "-c", "echo a; echo b; echo c"], stdout=impl.PIPE, text=True) as child:
        assert child.stdout.readline() == "a\n"
        assert child.stdout.read() == "b\nc\n"
    assert child.stdout.closed
    assert child.returncode == 0
