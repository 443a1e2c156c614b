"""Wrong types and values of each argument: the error, and that nothing was started or left open."""

import io
import os
import sys

import pytest
from support.children import children_left

DEVNULL_AND_CLOSED = open(os.devnull)
DEVNULL_AND_CLOSED.close()


def needs_pipes_closed(impl):
    if not impl.__name__.startswith("hasten.") and sys.version_info < (3, 11):
        pytest.skip("up to 3.10 the standard library leaves the pipes open")


def nothing_started(impl):
    assert children_left() == []


BAD = [
    ("args", None, TypeError, "not iterable"),
    ("args", 5, TypeError, "not iterable"),
    ("args", ["echo", 5], TypeError, "str, bytes or os.PathLike object, not int"),
    ("args", ["echo", None], TypeError, "str, bytes or os.PathLike object, not NoneType"),
    ("bufsize", "1", TypeError, "bufsize must be an integer"),
    ("bufsize", 1.0, TypeError, "bufsize must be an integer"),
    ("executable", 5, TypeError, "str, bytes or os.PathLike object, not int"),
    ("stdin", "x", AttributeError, "fileno"),
    ("stdin", 1.5, AttributeError, "fileno"),
    ("stdin", io.BytesIO(), io.UnsupportedOperation, "fileno"),
    ("stdin", DEVNULL_AND_CLOSED, ValueError, "closed file"),
    ("stdout", "x", AttributeError, "fileno"),
    ("stdout", io.BytesIO(), io.UnsupportedOperation, "fileno"),
    ("stderr", "x", AttributeError, "fileno"),
    ("stderr", io.StringIO(), io.UnsupportedOperation, "fileno"),
    ("stdin", -7, OSError, "Bad file descriptor"),
    ("stdin", 19_999, OSError, "Bad file descriptor"),
    ("stdin", -2, OSError, "Bad file descriptor"),  # STDOUT
    ("stdout", -7, OSError, "Bad file descriptor"),
    ("stderr", 19_999, OSError, "Bad file descriptor"),
    ("cwd", 5, TypeError, "str, bytes or os.PathLike object, not int"),
    ("cwd", [], TypeError, "str, bytes or os.PathLike object, not list"),
    ("cwd", "a\0b", ValueError, "null byte"),
    ("env", [("A", "B")], AttributeError, "items"),
    ("env", "A=B", AttributeError, "items"),
    ("env", {"A": 1}, TypeError, "str, bytes or os.PathLike object, not int"),
    ("env", {"A": None}, TypeError, "str, bytes or os.PathLike object, not NoneType"),
    ("env", {1: "A"}, TypeError, "str, bytes or os.PathLike object, not int"),
    ("env", {"A": "a\0b"}, ValueError, "null byte"),
    ("env", {"A\0": "b"}, ValueError, "null byte"),
    ("env", {"A=B": "C"}, ValueError, "illegal environment variable name"),
    ("env", {"PATH": "/bin", b"PATH": b"/bin"}, ValueError, "PATH"),
    ("pass_fds", 5, TypeError, "not iterable"),
    ("pass_fds", ["a"], ValueError, "invalid literal"),
    ("pass_fds", [-1], ValueError, "bad value"),
    ("pass_fds", [1 << 40], ValueError, "bad value"),
    ("user", "no-such-user", KeyError, "no-such-user"),
    ("user", -1, ValueError, "User ID cannot be negative, got -1"),
    ("user", 1 << 64, OverflowError, "greater than maximum"),
    ("user", 1.5, TypeError, "User must be a string or an integer"),
    ("user", b"root", TypeError, "User must be a string or an integer"),
    ("group", "no-such-group", KeyError, "no-such-group"),
    ("group", -1, ValueError, "Group ID cannot be negative, got -1"),
    ("group", 1 << 64, OverflowError, "greater than maximum"),
    ("group", 1.5, TypeError, "Group must be a string or an integer, not <class 'float'>"),
    ("extra_groups", "root", ValueError, "Groups must be a list, not a string"),
    ("extra_groups", 5, TypeError, "not iterable"),
    ("extra_groups", ["no-such-group"], KeyError, "no-such-group"),
    ("extra_groups", [-1], ValueError, "Group ID cannot be negative, got -1"),
    (
        "extra_groups",
        [1.5],
        TypeError,
        "Items in extra_groups must be a string or integer, not <class 'float'>",
    ),
    ("extra_groups", [1 << 64], ValueError, "invalid group id"),
    ("extra_groups", range(70_000), ValueError, "too many"),
    ("umask", "022", TypeError, "integer"),
    ("umask", None, TypeError, "integer"),
    ("umask", 1.5, TypeError, "integer"),
    ("umask", 1 << 40, OverflowError, ""),
    ("startupinfo", object(), ValueError, "startupinfo is only supported on Windows platforms"),
    ("creationflags", 1, ValueError, "creationflags is only supported on Windows platforms"),
    ("no_such_argument", 1, TypeError, "unexpected keyword argument"),
]
BAD_SINCE = [
    ((3, 10), "pipesize", "1", TypeError, "pipesize must be an integer"),
    ((3, 10), "pipesize", 1.5, TypeError, "pipesize must be an integer"),
    ((3, 11), "process_group", "0", TypeError, "integer"),
    ((3, 11), "process_group", 1.0, TypeError, "integer"),
    ((3, 11), "process_group", 1 << 70, OverflowError, "too large"),
    ((3, 13), "stdout", -2, ValueError, "STDOUT can only be used for stderr"),
]
CASES = [*BAD, *(pytest.param(*case, marks=pytest.mark.since(*version)) for version, *case in BAD_SINCE)]


@pytest.mark.parametrize("name, value, error, words", CASES)
@pytest.mark.parametrize("piped", [False, True])
def test_one_bad_argument(impl, name, value, error, words, piped):
    if piped:
        needs_pipes_closed(impl)
    options = {"args": ["true"], **dict.fromkeys(["stdin", "stdout", "stderr"], impl.PIPE if piped else None)}
    with pytest.raises(error, match=words):
        impl.Popen(**{**options, name: value})
    nothing_started(impl)


@pytest.mark.parametrize("preexec_fn", [5, "x", 0, [], lambda wanted: None])
def test_what_cannot_be_called_in_the_child(impl, preexec_fn):
    with pytest.raises(impl.SubprocessError, match="Exception occurred in preexec_fn"):
        impl.Popen(["true"], preexec_fn=preexec_fn)
    nothing_started(impl)


@pytest.mark.parametrize("text, universal_newlines", [(True, False), (False, True), (1, 0), (0, 1)])
def test_text_and_its_alias_disagree(impl, text, universal_newlines):
    with pytest.raises(impl.SubprocessError, match="Cannot disambiguate"):
        impl.Popen(["true"], text=text, universal_newlines=universal_newlines)
    nothing_started(impl)


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
@pytest.mark.parametrize("encoding, error", [("no-such-encoding", LookupError), (5, TypeError)])
def test_bad_encoding_is_seen_only_by_pipes(impl, stream, encoding, error):
    with pytest.raises(error):
        impl.Popen(["true"], encoding=encoding, **{stream: impl.PIPE})
    nothing_started(impl)
    impl.run(["true"], encoding=encoding)


def test_arguments_by_position(impl):
    args = [
        ["true"],
        -1,
        None,
        None,
        None,
        None,
        None,
        True,
        False,
        None,
        None,
        None,
        None,
        0,
        True,
        False,
        (),
    ]
    with impl.Popen(*args) as child:
        child.wait()
    with pytest.raises(TypeError, match="positional"):
        impl.Popen(*args, None)
    with pytest.raises(TypeError):
        impl.Popen()


@pytest.mark.since(3, 12)
@pytest.mark.parametrize("name", ["restore_signals", "start_new_session", "close_fds", "shell"])
@pytest.mark.parametrize("value", ["", "no", [], None, 2.5])
def test_any_truth_value_will_do(impl, name, value):
    impl.run("true", **{name: value})


def test_truth_that_raises(impl):
    class Undecided:
        def __bool__(self):
            raise KeyError("undecided")

    for name in ["shell", "close_fds", "restore_signals", "start_new_session"]:
        with pytest.raises((KeyError, TypeError)):  # up to 3.11 some of them are integers
            impl.Popen(["true"], **{name: Undecided()})
        nothing_started(impl)


class Surprise(Exception):
    """Raised by what the caller hands in."""


class Raising:
    """Raises in whatever it is asked for."""

    def raising(self, *_):
        raise Surprise

    __fspath__ = __iter__ = __index__ = __bool__ = fileno = items = keys = raising


@pytest.mark.parametrize(
    "name", ["args", "executable", "stdin", "stdout", "stderr", "cwd", "env", "pass_fds"]
)
def test_errors_of_the_callers_objects_come_through(impl, name):
    if name in ("stdout", "stderr"):
        needs_pipes_closed(impl)
    options = {"args": ["true"], "stdin": impl.PIPE, "stdout": impl.PIPE, "stderr": impl.PIPE}
    with pytest.raises(Surprise):
        impl.Popen(**{**options, name: Raising()})
    nothing_started(impl)


def test_an_iterator_that_raises_in_the_middle(impl):
    def words():
        yield "true"
        raise Surprise

    with pytest.raises(Surprise):
        impl.Popen(words(), stdout=impl.PIPE)
    nothing_started(impl)


@pytest.mark.skipif(sys.platform != "linux", reason="ids of Linux")
def test_integers_by_index(impl):
    class Number:
        def __index__(self):
            return 0o22

    assert impl.run(["sh", "-c", "umask"], umask=Number(), stdout=impl.PIPE).stdout.strip() == b"0022"
