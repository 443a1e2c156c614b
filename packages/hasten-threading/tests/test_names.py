"""Names of threads: by default, by users, in the operating system; and the old names of the API."""

import _thread
import pickle
import sys
import threading
import warnings

import pytest

import hasten._thread
import hasten.threading
from hasten._thread import _get_name


def target():
    """A thread's target, with a name."""


def number_of(name):
    return int(name.split()[0].rpartition("-")[2])


def test_names_count_up(impl):
    first, second = impl.Thread(), impl.Thread()
    assert first.name.startswith("Thread-")
    assert number_of(second.name) == number_of(first.name) + 1


def test_both_modules_count_together():
    ours, theirs = hasten.threading.Thread(), threading.Thread()
    assert number_of(theirs.name) == number_of(ours.name) + 1


@pytest.mark.since(3, 10)
def test_the_name_tells_the_target(impl):
    thread = impl.Thread(target=target)
    assert thread.name == f"Thread-{number_of(thread.name)} (target)"
    thread = impl.Thread(target=object())
    assert "(" not in thread.name


@pytest.mark.since(3, 10)
def test_the_target_is_in_the_name_after_the_end(impl):
    thread = impl.Thread(target=target)
    thread.start()
    thread.join()
    assert thread.name.endswith(" (target)")


def test_names_of_users(impl):
    thread = impl.Thread(target=target, name="mine")
    assert thread.name == "mine"
    thread.name = "other"
    assert thread.name == "other"
    thread.name = 5
    assert thread.name == "5"
    assert impl.Thread(name=7).name == "7"


@pytest.mark.parametrize("empty", [None, "", 0])
def test_an_empty_name_is_none(impl, empty):
    assert impl.Thread(name=empty).name.startswith("Thread-")


def test_renaming_while_it_runs(impl):
    gate = impl.Event()
    thread = impl.Thread(target=gate.wait)
    thread.start()
    thread.name = "renamed"
    assert [found.name for found in impl.enumerate() if found is thread] == ["renamed"]
    gate.set()
    thread.join()


def test_main_and_foreign_threads(impl):
    import _thread

    assert impl.main_thread().name == "MainThread"
    seen, gate = [], impl.Event()

    def foreign():
        seen.append(impl.current_thread().name)
        gate.set()

    _thread.start_new_thread(foreign, ())
    gate.wait()
    assert seen[0].startswith("Dummy-")


# ---- in the operating system ---------------------------------------------------------------------


def os_name_of(impl, **options):
    names = []
    thread = impl.Thread(target=lambda: names.append(_get_name()), **options)
    thread.start()
    thread.join()
    return names[0]


@pytest.mark.since(3, 14)
@pytest.mark.parametrize(
    "name, seen",
    [
        ("short", "short"),
        ("0123456789abcdefgh", "0123456789abcde"),
        ("caf\xe9", "caf\xe9"),
        ("14 bytes......\xe9", "14 bytes......"),
        ("a b", "a b"),
    ],
)
def test_the_system_knows_the_name(impl, name, seen):
    found = os_name_of(impl, name=name)
    assert found.encode(errors="surrogateescape").decode(errors="ignore") == seen


@pytest.mark.since(3, 14)
def test_names_the_system_can_not_hold(impl):
    assert os_name_of(impl, name="a\0b") in ("a", "python", _get_name())
    assert os_name_of(impl, name="\udc80lone")


@pytest.mark.since(3, 14)
def test_renaming_oneself_renames_the_os_thread(impl):
    names = []

    def rename():
        impl.current_thread().name = "first"
        names.append(_get_name())
        impl.current_thread().name = "second"
        names.append(_get_name())

    thread = impl.Thread(target=rename)
    thread.start()
    thread.join()
    assert names == ["first", "second"]


def test_renaming_another_leaves_its_os_thread(impl):
    gate, names = impl.Event(), []
    ready = impl.Event()

    def target():
        before = _get_name()
        ready.set()
        gate.wait()
        names.append(_get_name() == before)

    thread = impl.Thread(target=target, name="before")
    thread.start()
    ready.wait()
    thread.name = "after"
    gate.set()
    thread.join()
    assert names == [True]


# ---- old names of the API ------------------------------------------------------------------------

WARNS = sys.version_info >= (3, 10)
warns = pytest.mark.skipif(not WARNS, reason="the old names warn since 3.10")


def warned(call, *args):
    """The result, and the one message that the call warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call(*args)
    assert [warning.category for warning in caught] == [DeprecationWarning]
    assert caught[0].filename == __file__
    return result, str(caught[0].message)


def test_old_names_warn_since_3_10_only(impl):
    thread = impl.Thread(name="n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        impl.currentThread(), impl.activeCount(), thread.getName(), thread.isDaemon(), impl.Event().isSet()
    assert len(caught) == (5 if WARNS else 0)


@warns
def test_old_functions(impl):
    assert warned(impl.currentThread) == (
        impl.current_thread(),
        "currentThread() is deprecated, use current_thread() instead",
    )
    assert warned(impl.activeCount) == (
        impl.active_count(),
        "activeCount() is deprecated, use active_count() instead",
    )


@warns
def test_old_methods(impl):
    thread = impl.Thread(name="n")
    assert warned(thread.getName) == ("n", "getName() is deprecated, get the name attribute instead")
    assert warned(thread.setName, "m") == (None, "setName() is deprecated, set the name attribute instead")
    assert thread.name == "m"
    assert warned(thread.isDaemon) == (False, "isDaemon() is deprecated, get the daemon attribute instead")
    assert warned(thread.setDaemon, True) == (
        None,
        "setDaemon() is deprecated, set the daemon attribute instead",
    )
    assert thread.daemon


def test_the_module_is_pickled_by_its_name():
    """cloudpickle pickles what functions refer to."""
    assert pickle.loads(pickle.dumps(hasten.threading)) is hasten.threading


def test_locks_have_one_class(impl):
    module = hasten._thread if impl is hasten.threading else _thread
    assert type(impl.Lock()) is type(module.allocate_lock()) is module.LockType
