"""communicate() without timeouts: what goes in, what comes out, in which state the child is left."""

import array
import io
import itertools
import mmap
import os
import sys

import pytest
from support.children import script

BIG = bytes(range(256)) * 8192  # 2 MiB: many times what a pipe holds
PIPES = [c for n in range(4) for c in itertools.combinations(["stdin", "stdout", "stderr"], n)]
AS_ITEMS = ["memoryview of ints", "two-dimensional"]
OLD = sys.version_info < (3, 15)
TALK = ["sh", "-c", "cat; echo err >&2"]


@pytest.mark.parametrize("piped", PIPES, ids="+".join)
@pytest.mark.parametrize("text", [False, True])
def test_each_set_of_pipes(impl, piped, text):
    streams = {
        **dict.fromkeys(["stdin", "stdout", "stderr"], impl.DEVNULL),
        **dict.fromkeys(piped, impl.PIPE),
    }
    child = impl.Popen(TALK, text=text, **streams)
    given = ("word" if text else b"word") if "stdin" in piped else None
    out, err = child.communicate(given)
    empty = "" if text else b""
    assert out == ((given or empty) if "stdout" in piped else None)
    assert err == (("err\n" if text else b"err\n") if "stderr" in piped else None)
    assert child.returncode == 0
    assert all(getattr(child, name).closed for name in piped)


@pytest.mark.parametrize("given", [None, b"", b"x", BIG], ids=["none", "nothing", "little", "much"])
def test_in_and_out(impl, given):
    with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE) as child:
        assert child.communicate(given) == (given or b"", None)


KINDS = {
    "bytes": lambda raw: raw,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "memoryview of ints": lambda raw: memoryview(array.array("i", raw)),
    "array of ints": lambda raw: array.array("i", raw),
    "part of a memoryview": lambda raw: memoryview(raw)[100:-100],
    "two-dimensional": lambda raw: memoryview(raw).cast("B", [len(raw) // 256, 256]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1024, len(BIG)])
def test_kinds_of_input(impl, kind, size):
    if impl.__name__ == "subprocess" and (kind == "array of ints" or (OLD and kind in AS_ITEMS)):
        pytest.skip("the standard library takes items for bytes when it goes on in the middle")
    given = KINDS[kind](BIG[:size])
    raw = bytes(given)
    with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE) as child:
        assert child.communicate(given)[0] == raw


def test_a_mapped_file_as_input(impl, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(BIG)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE) as child:
            assert child.communicate(mapped)[0] == BIG


def test_the_input_is_let_go(impl):
    """A bytearray may be resized again."""
    given = bytearray(BIG)
    with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE) as child:
        child.communicate(given)
    given.append(0)


def test_the_input_is_let_go_after_an_error(impl):
    given = bytearray(BIG)
    with impl.Popen(["true"], stdin=impl.PIPE) as child:
        child.communicate(given)
    given.append(0)


@pytest.mark.parametrize("given, error", [
    ("text", TypeError), (5, TypeError), ([1], TypeError), (io.BytesIO(b"x"), TypeError),
])  # fmt: skip
def test_what_is_no_input(impl, given, error):
    with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE) as child:
        with pytest.raises(error):
            child.communicate(given)
        child.kill()


def test_bytes_for_text(impl):
    with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE, text=True) as child:
        with pytest.raises((AttributeError, TypeError)):
            child.communicate(b"bytes")
        child.kill()


def test_input_without_a_pipe_for_it(impl):
    """Not an error, as in the standard library: there is nowhere to write it to."""
    with impl.Popen(["echo", "a"], stdin=impl.DEVNULL, stdout=impl.PIPE) as child:
        assert child.communicate(b"ignored") == (b"a\n", None)


def test_much_both_ways_at_once(impl):
    """With the pipes full on both sides, whoever only wrote or only read would wait for ever."""
    with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE) as child:
        assert child.communicate(BIG * 4)[0] == BIG * 4


def test_much_on_all_three(impl):
    streams = dict.fromkeys(["stdin", "stdout", "stderr"], impl.PIPE)
    with impl.Popen(["sh", "-c", "tee /dev/stderr"], **streams) as child:
        assert child.communicate(BIG) == (BIG, BIG)


def test_much_text_both_ways(impl):
    text = "\u4e16\u754c and so on\n" * 100_000
    with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE, encoding="utf-8") as child:
        assert child.communicate(text)[0] == text


def test_both_outputs_in_one_pipe(impl):
    with impl.Popen(
        ["sh", "-c", "echo a; echo b >&2; echo c"], stdout=impl.PIPE, stderr=impl.STDOUT
    ) as child:
        assert child.communicate() == (b"a\nb\nc\n", None)


def test_what_was_written_before_comes_first(impl):
    """Bytes still in the buffer of stdin, and text too."""
    for text in False, True:
        with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE, text=text) as child:
            child.stdin.write("before" if text else b"before")
            assert child.communicate(" after" if text else b" after")[0] == (
                "before after" if text else b"before after"
            )


def test_what_was_read_before_is_missing(impl):
    with impl.Popen(["echo", "one\ntwo\nthree"], bufsize=0, stdout=impl.PIPE) as child:
        assert child.stdout.read(4) == b"one\n"
        assert child.communicate()[0] == b"two\nthree\n"


@pytest.mark.since(3, 15)
@pytest.mark.parametrize("others", [["stdout"], ["stdout", "stderr"], []], ids=str)
def test_stdin_is_already_closed(impl, others):
    with impl.Popen(["cat"], stdin=impl.PIPE, **dict.fromkeys(others, impl.PIPE)) as child:
        child.stdin.close()
        assert child.communicate() == tuple(b"" if name in others else None for name in ["stdout", "stderr"])


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_an_output_is_already_closed(impl, closed):
    with impl.Popen(["cat"], **dict.fromkeys(["stdin", "stdout", "stderr"], impl.PIPE)) as child:
        getattr(child, closed).close()
        assert child.communicate() == (b"", b"")


@pytest.mark.parametrize(
    "piped", [("stdin",), ("stdin", "stdout"), ("stdin", "stdout", "stderr")], ids="+".join
)
@pytest.mark.parametrize("given", [b"x", BIG], ids=["little", "much"])
def test_a_child_that_does_not_read(impl, piped, given):
    """EPIPE is no error: what the child had to say counts."""
    with impl.Popen(["sh", "-c", "exec <&-; echo out"], **dict.fromkeys(piped, impl.PIPE)) as child:
        assert child.communicate(given)[0] == (b"out\n" if "stdout" in piped else None)
    assert child.returncode == 0


@pytest.mark.parametrize("text", [False, True])
def test_a_child_that_reads_a_part(impl, text):
    with impl.Popen(["head", "-c", "1"], stdin=impl.PIPE, stdout=impl.PIPE, text=text) as child:
        assert child.communicate("x" * 3_000_000 if text else b"x" * 3_000_000)[0] == ("x" if text else b"x")
    assert child.returncode == 0


def test_a_child_that_closes_its_output_and_lives_on(impl):
    gate = "import os; os.close(1); os.read(0, 1); os._exit(5)"
    with impl.Popen(script(gate), stdin=impl.PIPE, stdout=impl.PIPE) as child:
        assert child.stdout.read() == b""
        assert child.poll() is None
        assert child.communicate(b"x") == (b"", None)
    assert child.returncode == 5


def test_a_grandchild_that_keeps_the_pipe_open(impl):
    """The output ends when the last writer is gone, not with the child."""
    command = "(sleep 0.2; echo late) & echo early"
    with impl.Popen(["sh", "-c", command], stdout=impl.PIPE) as child:
        assert child.communicate()[0] == b"early\nlate\n"


def test_again_after_the_end(impl):
    """The same once more: with two pipes, or with a timeout, this is so in the standard library too."""
    with impl.Popen(["sh", "-c", "echo a; echo b >&2"], stdout=impl.PIPE, stderr=impl.PIPE) as child:
        assert child.communicate() == child.communicate() == child.communicate(timeout=1) == (b"a\n", b"b\n")


def test_after_wait(impl):
    with impl.Popen(["echo", "a"], stdout=impl.PIPE, stderr=impl.PIPE) as child:
        assert child.wait() == 0
        assert child.communicate() == (b"a\n", b"")


def test_streams_put_in_their_place(impl):
    """Attributes are the caller's to replace."""
    with impl.Popen(["cat"], stdin=impl.PIPE, stdout=impl.PIPE) as child:
        fd = os.dup(child.stdout.fileno())
        child.stdout.close()
        child.stdout = open(fd, "rb")
        assert child.communicate(b"word")[0] == b"word"


@pytest.mark.parametrize("error", [BrokenPipeError, OSError(22, "Invalid argument")])
def test_a_stdin_that_cannot_be_closed_any_more(impl, error):
    """With one pipe only it is closed by its close(), whose EPIPE and EINVAL mean that the child has gone."""

    class Closing:
        def __init__(self, stream):
            self.stream = stream

        def __getattr__(self, name):
            return getattr(self.stream, name)

        def close(self):
            self.stream.close()
            raise error

    with impl.Popen(["true"], stdin=impl.PIPE) as child:
        child.wait()
        child.stdin = Closing(child.stdin)
        child.communicate(b"")
        child.stdin = child.stdin.stream
