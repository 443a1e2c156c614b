"""Objects to bytes and back: the same bytes as ForkingPickler's, and the same registries."""

import copyreg
import gc
import pickle
import threading
from multiprocessing import context, reduction

import pytest

from hasten.multiprocessing._transport import _pickler

ForkingPickler = reduction.ForkingPickler

OBJECTS = [
    None,
    7,
    -(2**70),
    (1, "abc", 2.5),
    {"a": [1, 2, {3}], "b": ("a", "a")},
    b"x" * 65535,
    b"x" * 300000,
    "y" * 300000,
    [b"z" * 70000] * 2,
    bytearray(100000),
    list(range(50000)),
]


class Plain:
    def __init__(self, value):
        self.value = value


class Other(Plain):
    pass


def plain_with_plus(plain):
    return Plain, (plain.value + "+",)


@pytest.fixture(autouse=True)
def registries_as_they_were():
    extra, general = dict(ForkingPickler._extra_reducers), dict(copyreg.dispatch_table)
    yield
    for registry, before in (ForkingPickler._extra_reducers, extra), (copyreg.dispatch_table, general):
        registry.clear()
        registry.update(before)


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: type(obj).__name__)
def test_the_bytes_are_those_of_forking_pickler(obj):
    for _ in range(2):
        data = _pickler.dumps(obj)
        assert data == ForkingPickler.dumps(obj).tobytes()
        assert b"".join(_pickler.dump_pieces(obj)) == data
        assert _pickler.loads(data) == obj and _pickler.loads(memoryview(data)) == obj


def test_large_bytes_are_not_copied():
    large = b"x" * 300000
    assert any(piece is large for piece in _pickler.dump_pieces([1, large]))


def test_what_may_change_is_copied():
    class Appends:
        def __reduce__(self):
            array.extend(b"more")  # no export of the array's memory is left
            return int, ()

    array = bytearray(100000)
    assert _pickler.loads(_pickler.dumps([array, Appends()])) == [bytes(100000), 0]


def test_one_object_does_not_remember_the_last():
    shared = ["shared"]
    assert _pickler.dumps(shared) == _pickler.dumps(shared)


def test_nothing_stays_alive():
    class Weak:
        def __reduce__(self):
            return int, ()

        def __del__(self):
            gone.append(_pickler.dumps("in the destructor"))

    gone = []
    _pickler.dumps([Weak()])
    assert gone == [_pickler.dumps("in the destructor")]


def test_a_large_object_leaves_no_cycle():
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(100):
            _pickler.dumps([b"x" * 100000, [], {}])
        assert len(gc.get_objects()) - before < 50
    finally:
        gc.enable()


def test_reducers_registered_later_count():
    _pickler.dumps(Plain("before"))
    ForkingPickler.register(Plain, plain_with_plus)
    assert _pickler.loads(_pickler.dumps(Plain("a"))).value == "a+"
    copyreg.pickle(Other, lambda other: (Plain, ("general",)))
    assert _pickler.loads(_pickler.dumps(Other("b"))).value == "general"
    ForkingPickler.register(Other, lambda other: (Plain, ("ours",)))
    assert _pickler.loads(_pickler.dumps(Other("b"))).value == "ours"
    del ForkingPickler._extra_reducers[Other]
    assert _pickler.loads(_pickler.dumps(Other("b"))).value == "general"


def test_another_registry(monkeypatch):
    monkeypatch.setattr(ForkingPickler, "_extra_reducers", {Plain: plain_with_plus})
    assert _pickler.loads(_pickler.dumps(Plain("a"))).value == "a+"
    monkeypatch.undo()
    assert _pickler.loads(_pickler.dumps(Plain("a"))).value == "a"


class Nests:
    def __reduce__(self):
        return _pickler.loads, (_pickler.dumps([Plain("inner"), Nested()]),)


class Nested:
    def __reduce__(self):
        return _pickler.loads, (_pickler.dumps("innermost"),)


def test_pickling_within_pickling():
    first, second = _pickler.loads(_pickler.dumps([Nests(), Nests()]))
    assert first[0].value == "inner" and second[1] == "innermost"


class Raises:
    def __reduce__(self):
        raise ZeroDivisionError("not to be pickled")


def test_after_an_exception():
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            _pickler.dumps(["x" * 1000, Raises()])
        assert _pickler.dumps(["x"]) == ForkingPickler.dumps(["x"]).tobytes()


def test_threads_have_picklers_of_their_own():
    class Waits:
        def __reduce__(self):
            both.wait(10)
            return int, ()

    def dump(name):
        results.append(_pickler.loads(_pickler.dumps([name, Waits(), name])))

    both, results = threading.Barrier(2), []
    threads = [threading.Thread(target=dump, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [["first", 0, "first"], ["second", 0, "second"]]


class Own(ForkingPickler):
    @classmethod
    def dumps(cls, obj, protocol=None):
        return b"own " + pickle.dumps(obj)

    @staticmethod
    def loads(data):
        return "own", pickle.loads(bytes(data)[4:])


class Reducer:
    ForkingPickler = Own


@pytest.mark.parametrize(
    "owner, name, value",
    [(reduction, "ForkingPickler", Own), (context, "reduction", Reducer())],
    ids=["ForkingPickler replaced", "another reducer of the contexts"],
)
def test_a_programs_own_pickler(monkeypatch, owner, name, value):
    usual = _pickler.dumps(3)
    monkeypatch.setattr(owner, name, value)
    data = _pickler.dumps(3)
    assert data == b"own " + usual and _pickler.loads(data) == ("own", 3)
    assert _pickler.dump_pieces(3) == [data] and _pickler.dumps_out_of_band(3, []) is None
    monkeypatch.undo()
    assert _pickler.dumps(3) == usual and _pickler.loads(usual) == 3


@pytest.mark.parametrize(
    "name, value",
    [("dumps", classmethod(lambda cls, obj: b"patched")), ("loads", staticmethod(lambda data: "patched"))],
)
def test_a_patched_method(monkeypatch, name, value):
    usual = _pickler.dumps(3)
    monkeypatch.setattr(ForkingPickler, name, value)
    assert (_pickler.dumps(3) if name == "dumps" else _pickler.loads(usual)) in (b"patched", "patched")
    monkeypatch.undo()
    assert _pickler.dumps(3) == usual and _pickler.loads(usual) == 3


def test_a_patched_pickler_is_the_one_that_pickles(monkeypatch):
    def override(self, obj):
        return (str, ("override",)) if type(obj) is Plain else NotImplemented

    monkeypatch.setattr(ForkingPickler, "reducer_override", override, raising=False)
    assert _pickler.loads(_pickler.dumps(Plain(1))) == "override"


def test_buffers_out_of_band():
    small, large, buffers = bytearray(10), bytearray(1000), []
    data = _pickler.dumps_out_of_band([pickle.PickleBuffer(small), pickle.PickleBuffer(large)], buffers, 100)
    assert len(data) < 100 and [memoryview(buffer).nbytes for buffer in buffers] == [1000]
    assert _pickler.loads(data, buffers) == [small, large]
    assert buffers[0].raw().obj is large
