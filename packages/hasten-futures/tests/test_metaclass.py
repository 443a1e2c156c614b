"""Futures and executors are ordinary classes: those of programs combine them with metaclasses of any kind."""

from __future__ import annotations

import concurrent.futures
from abc import ABC, ABCMeta, abstractmethod
from typing import Any, Protocol, runtime_checkable

import pytest

NAMES = ["Future", "Executor", "ThreadPoolExecutor"]


class Meta(type):
    """One that has nothing to do with ABCMeta."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> Meta:
        return super().__new__(mcs, name, bases, {**body, "made_by": mcs})


class HasAMeta(metaclass=Meta):
    pass


@runtime_checkable
class Named(Protocol):
    name: str


@pytest.mark.parametrize("name", NAMES)
def test_the_class_of_the_class(impl, name):
    assert type(getattr(impl, name)) is type


@pytest.mark.parametrize("name", NAMES)
def test_with_a_metaclass(impl, name):
    base = getattr(impl, name)

    class Mine(base, metaclass=Meta):
        pass

    class Mixed(HasAMeta, base):
        pass

    class Abstract(base, metaclass=ABCMeta):
        @abstractmethod
        def more(self) -> None: ...

    class Both(base, Named):
        name = "both"

    assert type(Mine) is type(Mixed) is Meta and Mixed.made_by is Meta
    assert type(Abstract) is ABCMeta
    with pytest.raises(TypeError, match="abstract"):
        Abstract()
    assert isinstance(Both(), (base, Named))
    for cls in (Mine, Mixed, Both):
        assert issubclass(cls, getattr(concurrent.futures, name))
        assert isinstance(cls(), getattr(concurrent.futures, name))


def test_they_work(impl):
    class Pool(HasAMeta, impl.ThreadPoolExecutor):
        pass

    class Future(impl.Future, metaclass=Meta):
        pass

    with Pool(2) as pool:
        assert list(pool.map(pow, range(4), [2] * 4)) == [0, 1, 4, 9]
    future = Future()
    future.set_result(3)
    assert impl.wait([future]).done == {future}
    assert future.result() == 3


def test_abstract_base_classes_of_a_program(impl):
    class Runs(ABC):
        @abstractmethod
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any: ...

    class Pool(impl.ThreadPoolExecutor, Runs):
        pass

    Runs.register(impl.Executor)
    with Pool(1) as pool:
        assert isinstance(pool, Runs)
        assert pool.submit(int).result() == 0
    assert isinstance(impl.ThreadPoolExecutor(1), Runs)


@pytest.mark.parametrize("name", NAMES)
def test_instances_of_the_standard_librarys_classes(impl, name):
    ours, theirs = getattr(impl, name), getattr(concurrent.futures, name)
    assert issubclass(ours, theirs)
    assert isinstance(ours(), theirs)
    assert not isinstance(5, ours)


@pytest.mark.parametrize("name", ["__init__", "set_result"])
def test_what_is_patched_on_the_class_is_called(impl, name, monkeypatch, make_pool):
    called = []
    original = getattr(impl.Future, name)

    def patched(*args: Any) -> Any:
        called.append(name)
        return original(*args)

    monkeypatch.setattr(impl.Future, name, patched)
    future = impl.Future()
    future.set_result(2)
    assert future.result() == 2
    assert called == [name]
    assert make_pool(1).submit(pow, 2, 3).result() == 8
    monkeypatch.undo()
    del called[:]
    impl.Future().set_result(1)
    assert called == []
    assert make_pool(1).submit(pow, 2, 3).result() == 8


def test_it_takes_no_arguments(impl):
    with pytest.raises(TypeError):
        impl.Future(1)
    with pytest.raises(TypeError):
        impl.Future(value=1)
