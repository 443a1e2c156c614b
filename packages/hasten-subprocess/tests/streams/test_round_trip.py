"""Random words, environments and bytes, through a child that sends them back."""

import os
import shutil

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hasten.subprocess as ours

CAT = shutil.which("cat")  # whatever PATH a child gets
SETTINGS = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
words = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.binary(max_size=50).map(lambda raw: raw.replace(b"\0", b"x")),
    st.binary(max_size=50).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"x"))),
)
names = words.filter(lambda name: name and os.fsencode("=") not in os.fsencode(name))
pieces = st.lists(st.binary(max_size=20_000), max_size=8).map(b"".join)
lines = st.text(st.sampled_from("ab\u00fc\u4e16\U0001f600 \r\n"), max_size=300)


@SETTINGS
@given(st.lists(words, max_size=10))
def test_words(args):
    out = ours.check_output(["printf", "%s\\0", "first", *args])
    assert out.split(b"\0")[:-1] == [b"first", *map(os.fsencode, args)]


@SETTINGS
@given(st.dictionaries(names, words, max_size=10))
def test_environments(env):
    out = ours.check_output([CAT, "/proc/self/environ"], env=env)
    expected = {os.fsencode(name): os.fsencode(value) for name, value in env.items()}
    assert dict(entry.split(b"=", 1) for entry in out.split(b"\0")[:-1]) == expected


@SETTINGS
@given(pieces)
def test_bytes(raw):
    done = ours.run(["cat"], input=raw, capture_output=True)
    assert (done.stdout, done.stderr) == (raw, b"")


@SETTINGS
@given(pieces, st.sampled_from([1, 7, 4096, 1 << 16]))
def test_bytes_that_come_in_pieces(raw, size):
    command = ["dd", f"bs={size}", "status=none"] if size > 7 or len(raw) < 500 else ["cat"]
    assert ours.run(command, input=raw, stdout=ours.PIPE).stdout == raw


@SETTINGS
@given(lines, st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_text(text, encoding):
    done = ours.run(["cat"], input=text, encoding=encoding, stdout=ours.PIPE)
    assert done.stdout == text.replace("\r\n", "\n").replace("\r", "\n")


@SETTINGS
@given(st.binary(max_size=2000), st.sampled_from(["strict", "replace", "ignore", "surrogateescape"]))
def test_bytes_as_text(raw, errors):
    try:
        expected = raw.decode("utf-8", errors).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        expected = error.reason
    try:
        with open(os.memfd_create("raw"), "wb+") as file:
            file.write(raw)
            file.seek(0)
            got = ours.run(["cat"], stdin=file, stdout=ours.PIPE, encoding="utf-8", errors=errors).stdout
    except UnicodeDecodeError as error:
        got = error.reason
    assert got == expected


@SETTINGS
@given(st.integers(0, 255))
def test_statuses(status):
    assert ours.call(["sh", "-c", f"exit {status}"]) == status


@SETTINGS
@given(st.sets(st.integers(3, 60), max_size=12), st.sets(st.integers(3, 60), max_size=12))
def test_descriptors(opened, passed):
    """Whichever of ours are open: the child has the passed ones, and no other."""
    opened = {fd + 100 for fd in opened}
    passed = {fd + 100 for fd in passed} & opened
    try:
        for fd in opened:
            os.dup2(0, fd, inheritable=bool(fd % 2))
        look = ["sh", "-c", "cd /proc/$$/fd; echo *"]
        found = {int(word) for word in ours.check_output(look, pass_fds=passed).split()}
    finally:
        for fd in opened:
            os.close(fd)
    assert {fd for fd in found if fd >= 100} == passed
