"""The child's environment and working folder."""

import collections.abc
import os
from pathlib import Path

import pytest
from support.children import descriptors_of, script

SHOW = "import os; os.write(1, b'\\0'.join(k + b'=' + v for k, v in sorted(os.environb.items())))"


def environment(impl, env):
    """What the kernel says of the child's environment, which an interpreter may have added to."""
    shown = impl.run(["cat", "/proc/self/environ"], env=env, stdout=impl.PIPE, check=True).stdout
    return dict(entry.split(b"=", 1) for entry in shown.split(b"\0") if entry)


def test_inherited(impl, monkeypatch):
    monkeypatch.setenv("HASTEN_TEST", "as it was when the child was started")
    assert dict(os.environb).items() <= environment(impl, None).items()


def test_inherited_is_what_the_process_has(impl):
    """Which os.environ need not know."""
    os.putenv("HASTEN_TEST", "put")
    try:
        assert environment(impl, None)[b"HASTEN_TEST"] == b"put"
    finally:
        os.unsetenv("HASTEN_TEST")
    assert b"HASTEN_TEST" not in environment(impl, None)


@pytest.mark.parametrize("env", [
    {},
    {"A": ""},
    {"A": "b", "B": "a=b=c"},
    {b"A": b"b", "B": b"c", b"C": "d"},
    {"ü": "\u4e16", "X": "\udcff"},
    {"A": "x" * 100_000},
    {f"N{i}": str(i) for i in range(3000)},
    {"A": "two\nlines", "B": " "},
    {"A": Path("/a/path")},
], ids=lambda env: repr(env)[:30])  # fmt: skip
def test_given(impl, env):
    assert environment(impl, env) == {os.fsencode(k): os.fsencode(v) for k, v in env.items()}


def test_an_empty_environment_is_not_the_parents(impl):
    assert impl.run(["cat", "/proc/self/environ"], env={}, stdout=impl.PIPE).stdout == b""


def test_any_mapping(impl):
    class Upper(collections.abc.Mapping):
        def __getitem__(self, key):
            return {"a": "A", "b": "B"}[key]

        def __iter__(self):
            return iter(["a", "b"])

        def __len__(self):
            return 2

    assert environment(impl, Upper()) == {b"a": b"A", b"b": b"B"}
    assert environment(impl, os.environ) == dict(os.environb)


def test_the_mapping_is_not_kept_or_changed(impl):
    env = {"A": "b", "PATH": os.environ["PATH"]}
    with impl.Popen(["true"], env=env) as child:
        assert all(value is not env for value in vars(child).values())
    assert env == {"A": "b", "PATH": os.environ["PATH"]}


def test_a_mapping_that_changes_while_it_is_read(impl):
    class Growing(dict):
        def __getitem__(self, key):
            self[f"{key}x"] = "y"
            return super().__getitem__(key)

        def items(self):
            for key in list(self):
                yield key, super().__getitem__(key)
                self[f"{key}x"] = "y"

    assert environment(impl, Growing(A="b"))[b"A"] == b"b"


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_cwd(impl, tmp_path, kind):
    done = impl.run(["pwd", "-P"], cwd=kind(str(tmp_path)), stdout=impl.PIPE)
    assert done.stdout == os.fsencode(tmp_path.resolve()) + b"\n"


def test_cwd_is_the_childs_alone(impl, tmp_path):
    before = os.getcwd()
    impl.run(["true"], cwd=tmp_path)
    assert os.getcwd() == before


def test_cwd_with_preexec_fn_comes_first(impl, tmp_path):
    def look():
        Path("seen").write_text(os.getcwd())

    impl.run(["true"], cwd=tmp_path, preexec_fn=look)
    assert Path((tmp_path / "seen").read_text()).samefile(tmp_path)


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
@pytest.mark.parametrize("preexec_fn", [None, int])
def test_cwd_is_missing(impl, tmp_path, kind, preexec_fn):
    cwd = kind(str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError) as info:
        impl.Popen(["true"], cwd=cwd, preexec_fn=preexec_fn)
    assert (info.value.errno, info.value.filename) == (2, cwd)
    assert repr(cwd) in str(info.value)


def test_cwd_is_a_file(impl, tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(NotADirectoryError) as info:
        impl.run(["true"], cwd=file)
    assert info.value.filename == file


def test_the_error_names_what_is_missing(impl, tmp_path):
    """With both missing it is cwd: the child goes there before it looks for the program."""
    with pytest.raises(FileNotFoundError) as info:
        impl.run(["no-such-program"], cwd=tmp_path / "gone")
    assert info.value.filename == tmp_path / "gone"
    with pytest.raises(FileNotFoundError) as info:
        impl.run(["no-such-program"], cwd=tmp_path)
    assert info.value.filename == "no-such-program"


def test_the_parents_own_folder_is_gone(python, impl, tmp_path):
    """A start does not need it."""
    gone = tmp_path / "gone"
    gone.mkdir()
    program = f"""
import os, sys
import {impl.__name__} as subprocess
os.chdir({str(gone)!r})
os.rmdir({str(gone)!r})
print(subprocess.run(["echo", "a"], stdout=subprocess.PIPE).stdout)
print(subprocess.run(["pwd", "-P"], stdout=subprocess.PIPE, cwd="/").stdout)
"""
    assert python(program) == "b'a\\n'\nb'/\\n'\n"


def test_environment_of_many_children_at_once(impl, spawn):
    tasks = [spawn(environment, impl, {"N": str(number)}) for number in range(20)]
    assert [task.result() for task in tasks] == [{b"N": str(number).encode()} for number in range(20)]


def test_environ_seen_by_python(impl):
    done = impl.run(script(SHOW), env={"A": "b", "LC_CTYPE": "C.UTF-8"}, stdout=impl.PIPE)
    assert done.stdout == b"A=b\0LC_CTYPE=C.UTF-8"


def test_cat_has_its_own_streams_only(cat):
    assert sorted(descriptors_of(cat().pid)) == [0, 1, 2]
