"""Popen as an object: context manager, repr, attributes, subclasses, copies, generic aliases."""

import copy
import gc
import pickle
import subprocess
import types
import weakref

import pytest
from support.children import is_gone


def test_context_manager(impl):
    with impl.Popen(["cat"], **dict.fromkeys(["stdin", "stdout", "stderr"], impl.PIPE)) as child:
        assert isinstance(child, impl.Popen)
        assert child.returncode is None
    assert child.returncode == 0
    assert all(stream.closed for stream in [child.stdin, child.stdout, child.stderr])


def test_context_manager_lets_errors_through(impl):
    with pytest.raises(KeyError, match="mine"), impl.Popen(["true"], stdout=impl.PIPE) as child:
        raise KeyError("mine")
    assert child.stdout.closed
    assert child.returncode == 0


def test_context_manager_of_one_that_is_gone(impl):
    with impl.Popen(["true"], stdout=impl.PIPE) as child:
        child.communicate()
    assert child.returncode == 0


def test_context_manager_with_a_broken_pipe(impl):
    """The error that closing stdin raises comes through; the child is waited for nevertheless."""
    child = impl.Popen(["true"], stdin=impl.PIPE)
    child.wait()
    with pytest.raises(BrokenPipeError), child:
        child.stdin.write(b"x" * 100)
    assert child.returncode == 0
    assert child.stdin.closed


def test_context_manager_calls_wait_of_a_subclass(impl):
    class Counting(impl.Popen):
        waits = 0

        def wait(self, timeout=None):
            self.waits += 1
            return super().wait(timeout)

    with Counting(["true"]) as child:
        assert child.waits == 0
    assert child.waits == 1


@pytest.mark.parametrize("args", [["true"], "true", b"true", ("true",)], ids=repr)
def test_repr(impl, sleeper, args):
    with impl.Popen(args) as child:
        assert repr(child) == f"<Popen: returncode: None args: {args!r}>"
    assert repr(child) == f"<Popen: returncode: 0 args: {args!r}>"


def test_a_long_repr_is_cut(impl):
    with impl.Popen(["true", "x" * 1000]) as child:
        shown = repr(child)
    assert shown.startswith("<Popen: returncode: None args: ['true', 'xxx")
    assert shown.endswith("...>") and len(shown) < 110


def test_repr_of_a_subclass(impl):
    class Mine(impl.Popen):
        pass

    with Mine(["true"]) as child:
        assert repr(child) == "<Mine: returncode: None args: ['true']>"


def test_attributes(impl):
    with impl.Popen(["true"]) as child:
        assert (child.args, child.stdin, child.stdout, child.stderr) == (["true"], None, None, None)
        assert child.pid > 0 and type(child.pid) is int
        assert child.returncode is None
        assert not child.text_mode and not child.universal_newlines
        assert child.encoding is None and child.errors is None


def test_universal_newlines_can_be_set(impl):
    """It stands for text_mode."""
    with impl.Popen(["echo", "a"], stdout=impl.PIPE) as child:
        child.universal_newlines = True
        assert child.text_mode is True
        child.universal_newlines = False
        assert child.text_mode is False


def test_attributes_of_the_users(impl):
    with impl.Popen(["true"]) as child:
        child.label = "mine"
        child.poll_twice = child.poll
        assert vars(child)["label"] == "mine"


@pytest.mark.parametrize("method", ["poll", "wait", "kill", "communicate"])
def test_patching_an_instance_and_the_class(impl, monkeypatch, method):
    with impl.Popen(["true"]) as child:
        setattr(child, method, lambda *args: "mine")
        assert getattr(child, method)() == "mine"
        delattr(child, method)
        monkeypatch.setattr(impl.Popen, method, lambda self, *args: "ours")
        assert getattr(child, method)() == "ours"
        monkeypatch.undo()


class Recording:
    """A mixin that notes the calls of methods."""

    def __init__(self, *args, **options):
        self.calls = []
        super().__init__(*args, **options)

    def poll(self):
        self.calls.append("poll")
        return super().poll()

    def wait(self, timeout=None):
        self.calls.append("wait")
        return super().wait(timeout=timeout)

    def communicate(self, input=None, timeout=None):
        self.calls.append("communicate")
        return super().communicate(input, timeout)

    def send_signal(self, sig):
        self.calls.append(f"send_signal {int(sig)}")
        super().send_signal(sig)


def test_a_subclass_is_asked(impl):
    """The methods that are made of others call those by name."""

    class Child(Recording, impl.Popen):
        pass

    with Child(["sleep", "1000"]) as child:
        child.terminate()
        child.wait()
    assert "send_signal 15" in child.calls
    with Child(["sleep", "1000"]) as child:
        child.kill()
        child.communicate()
    assert "send_signal 9" in child.calls
    assert child.calls.count("wait") >= 1


def test_a_subclass_whose_init_starts_nothing(impl):
    class Lazy(impl.Popen):
        def __init__(self):
            """Never starts anything."""

    lazy = Lazy()
    assert isinstance(lazy, impl.Popen)
    del lazy
    gc.collect()


def test_isinstance_across_the_worlds(impl):
    with impl.Popen(["true"]) as child:
        assert isinstance(child, subprocess.Popen)


@pytest.mark.parametrize("parameters", [str, bytes, (str,)])
def test_generic_aliases(impl, parameters):
    for cls in impl.Popen, impl.CompletedProcess:
        alias = cls[parameters]
        assert isinstance(alias, types.GenericAlias)
        assert alias.__origin__ is cls
    with impl.Popen[bytes](["true"]) as child:
        assert type(child) is impl.Popen


def test_weak_references(impl):
    with impl.Popen(["true"]) as child:
        ref = weakref.ref(child)
        assert ref() is child
    del child
    gc.collect()
    assert ref() is None


def test_freed_without_the_collector(impl):
    gc.disable()
    try:
        child = impl.Popen(["echo", "a"], stdout=impl.PIPE, stderr=impl.PIPE)
        child.communicate()
        ref = weakref.ref(child)
        del child
        assert ref() is None
    finally:
        gc.enable()


def test_no_pickles_and_no_copies(impl):
    with impl.Popen(["true"], stdout=impl.PIPE) as child:
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError):
                pickle.dumps(child, protocol)
        with pytest.raises(TypeError):
            copy.deepcopy(child)


def test_equality_is_identity(impl):
    with impl.Popen(["true"]) as one, impl.Popen(["true"]) as other:
        assert one == one and one != other
        assert len({one, other}) == 2


def test_init_again_is_a_new_child(impl):
    """Nobody should; the first child can then only be reaped by its number."""
    child = impl.Popen(["true"])
    first = child.pid
    child.wait()
    child.__init__(["false"])
    assert child.pid != first
    assert child.wait() == 1
    assert is_gone(first)
