"""A walk over every public class, method and function: each is what the standard library's is.

A method is a function of Python: it binds, has a signature, a module, a code object, and can be replaced.
Where the standard library's object is a builtin (Lock, SimpleQueue, local, _thread's functions), ours may
be one.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import pickle
import sys
import types
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple
from unittest import mock

import pytest
from support.public_names import (
    MODULES,
    STDLIB,
    Parameters,
    Side,
    classes_of,
    kind_of,
    made,
    newest,
    parameters_of,
    running_stdlib,
    shown,
)

pytestmark = pytest.mark.skipif(sys.version_info < (3, 10), reason="3.9's own classes differ from the record")

# Parameters of ours that no standard library has; the README of the distribution tells of each
ADDED = {
    "progress": {
        "Executor.map",
        "ThreadPoolExecutor.map",
        "InterpreterPoolExecutor.map",
        "ProcessPoolExecutor.map",
    },
    "kill": {"Future.cancel"},
    "on_crash": {"ProcessPoolExecutor", "ProcessPoolExecutor.__init__"},
    "max_retries": {"ProcessPoolExecutor", "ProcessPoolExecutor.__init__"},
    "min_workers": {"ProcessPoolExecutor", "ProcessPoolExecutor.__init__"},
    "idle_timeout": {"ProcessPoolExecutor", "ProcessPoolExecutor.__init__"},
    "max_worker_memory": {"ProcessPoolExecutor", "ProcessPoolExecutor.__init__"},
    "serializer": {"ProcessPoolExecutor", "ProcessPoolExecutor.__init__"},
    "timeout": {
        "ProcessPoolExecutor.shutdown",
        "Executor.shutdown",
        "ThreadPoolExecutor.shutdown",
        "InterpreterPoolExecutor.shutdown",
        "Queue.join",
        "LifoQueue.join",
        "PriorityQueue.join",
    },
    "kill_tree": {"run"},
    "anonymous": {"SharedMemory", "SharedMemory.__init__"},
}
# As in Python 3.8's module of that name, they take keywords; the interpreter's `_thread` takes none
TAKE_KEYWORDS = {"hasten._dummy_thread": {"start_new", "start_new_thread"}}
# Names that an interpreter's own re-exported module lacks before a version
LACKING = {"set_name": (3, 13), "InterpreterPoolExecutor": (3, 14)}
# Names that are left out on purpose: what a thread inside of another is called is not the system's business
LEFT_OUT = {"hasten._dummy_thread": {"set_name"}}
# What __init__ needs is looked at by name: a special method is also bound where it is defined
NOT_BOUND = {"__init__", "__class_getitem__", "__repr__"}
# In the standard library another name of acquire() and the like
ALIASES = {"__enter__", "__exit__"}


class Method(NamedTuple):
    label: str  # Class.member
    name: str
    cls: type
    raw: Any
    running: Any  # the raw member of the running standard library, or None
    entry: dict[str, Any]


def is_builtin(theirs: Any) -> bool:
    """Does the running version have it in C, in a module such as _thread or _queue?  Then so may we."""
    return not hasattr(theirs, "__code__") and str(getattr(theirs, "__module__", "")).startswith(
        ("_", "builtins")
    )


def methods(side: Side, ours: str) -> Iterator[Method]:
    """Every recorded method that is a function of Python in the newest version, or is one in the running."""
    for class_name, cls, running in classes_of(side, ours):
        for name, entry in newest()[MODULES[ours]][class_name]["members"].items():
            theirs = inspect.getattr_static(running, name, None) if inspect.isclass(running) else None
            raw = inspect.getattr_static(cls, name, None)
            kind = entry["kind"] if theirs is None else kind_of(theirs)
            if kind != "function" or raw is None or (side is not STDLIB and raw is theirs):
                continue  # none, a builtin, or re-exported as it is
            yield Method(f"{class_name}.{name}", name, cls, raw, theirs, entry)


def functions(side: Side, ours: str) -> Iterator[tuple[str, Any, Any, dict[str, Any]]]:
    """(name, ours, the running stdlib's, record) of each public function."""
    module, running = side.module(ours), running_stdlib(ours)
    for name, entry in newest()[MODULES[ours]].items():
        if name == "excepthook":  # pytest's stands there
            value, theirs = (getattr(m, "__excepthook__", None) for m in (module, running))
        else:
            value, theirs = getattr(module, name, None), getattr(running, name, None)
        if entry["kind"] != "function" or value is None or inspect.isclass(value):
            continue
        if side is STDLIB or value is not theirs:
            yield name, value, theirs, entry


@contextlib.contextmanager
def an_instance(cls: type, label: str, ours: str) -> Iterator[Any]:
    value = made(cls, label.partition(".")[0], MODULES[ours])
    try:
        yield value
    finally:
        if hasattr(value, "shutdown") and hasattr(value, "submit"):
            value.shutdown()


def acceptable_modules(ours: str, side: Side) -> set[str]:
    """hasten.futures.thread's are from there or from hasten.futures; never from a private part."""
    name = MODULES[ours] if side is STDLIB else ours
    parents = {name.rpartition(".")[0]} if name.count(".") > 1 or side is STDLIB else set()
    return {name, *parents}


def test_every_name_of_the_newest_version_is_there(
    side: Side, ours: str, faults: Any, is_stdlib: bool
) -> None:
    if is_stdlib and sys.version_info < (3, 15):
        pytest.skip("an older standard library lacks some")
    module = side.module(ours)
    for name, entry in newest()[MODULES[ours]].items():
        if sys.version_info < LACKING.get(name, (3,)) or name in LEFT_OUT.get(ours, ()) and not is_stdlib:
            continue
        if getattr(module, name, None) is getattr(running_stdlib(ours), name, module) and not is_stdlib:
            continue  # re-exported: the interpreter's own
        if not hasattr(module, name):
            faults.append(f"{name} is missing")
            continue
        for member, recorded in entry.get("members", {}).items():
            there = hasattr(getattr(module, name), member) or recorded["kind"] == "data"
            faults.check(there, f"{name}.{member} is missing")


def test_methods_bind_as_functions_of_python_do(side: Side, ours: str, faults: Any) -> None:
    for method in methods(side, ours):
        if method.name in NOT_BOUND:
            continue
        with an_instance(method.cls, method.label, ours) as instance:
            if instance is None:
                continue
            bound = getattr(instance, method.name)
            faults.check(
                inspect.ismethod(bound), f"{method.label} of an instance is a {type(bound).__name__}"
            )
            if not inspect.ismethod(bound):
                continue
            faults.check(bound.__func__ is method.raw, f"{method.label}.__func__ is not what the class has")
            faults.check(bound.__self__ is instance, f"{method.label}.__self__ is not the instance")
            faults.compare(f"{method.label} == itself", bound == getattr(instance, method.name), True)
            if method.cls.__name__ == "serialize_iterator":
                continue  # it has slots, and none for weak references
            try:
                faults.check(weakref.WeakMethod(bound)() == bound, f"WeakMethod({method.label}) lost it")
            except TypeError as error:
                faults.append(f"WeakMethod({method.label}): {error}")


def test_methods_say_what_they_are(side: Side, ours: str, faults: Any) -> None:
    for label, name, _, raw, running, _ in methods(side, ours):
        if getattr(raw, "__get__", None) is None or not callable(raw):
            faults.append(f"{label} is a {type(raw).__name__}")
            continue
        if name not in ALIASES:
            faults.compare(f"{label}.__name__", getattr(raw, "__name__", None), name)
            # the class may be another: one of ours overrides what the standard library's inherits
            method = (getattr(raw, "__qualname__", None) or "").rpartition(".")[2]
            faults.compare(f"{label}.__qualname__ ends with", method, name)
        expected = acceptable_modules(ours, side)
        faults.check(
            getattr(raw, "__module__", None) in expected | inherited_from(running, ours, side),
            f"{label}.__module__ is {getattr(raw, '__module__', None)!r}, expected one of {sorted(expected)}",
        )
        if running is not None and running.__doc__:
            faults.check(raw.__doc__, f"{label}.__doc__ is missing")
        code = getattr(raw, "__code__", None)
        if name not in NOT_BOUND:
            faults.check(isinstance(code, types.CodeType), f"{label}.__code__ is {code!r}")


def inherited_from(running: Any, ours: str, side: Side) -> set[str]:
    """A method that the stdlib's class has from another module's class may be from our like of that."""
    origin = getattr(running, "__module__", None)
    if origin is None or origin == MODULES[ours]:
        return set()
    likes = {mine for mine, theirs in MODULES.items() if theirs == origin}
    likes |= {mine.rpartition(".")[0] for mine in likes if mine.count(".") > 1}
    return {origin} if side is STDLIB else likes


def without_ours(label: str, parameters: Parameters) -> Parameters:
    return [p for p in parameters if label not in ADDED.get(p[0], ())]


def signatures(side: Side, ours: str) -> Iterator[tuple[str, Any, Any, Any]]:
    """(label, ours, the running stdlib's, the recorded parameters) of all that can be called."""
    for label, _, _, raw, running, entry in methods(side, ours):
        yield label, raw, running, entry.get("parameters")
    for name, value, theirs, entry in functions(side, ours):
        yield name, value, theirs, entry["parameters"]
    for name, cls, running in classes_of(side, ours):
        if cls is not running or side is STDLIB:
            yield name, cls, running, newest()[MODULES[ours]][name]["parameters"]


def test_signatures(side: Side, ours: str, faults: Any, is_stdlib: bool) -> None:
    """The newest version's on all; on the newest itself the record is validated by the stdlib's own."""
    for label, value, running, recorded in signatures(side, ours):
        got = parameters_of(value)
        if is_stdlib and sys.version_info < (3, 15):
            recorded = parameters_of(running)
        if recorded is None or (got is None and is_builtin(running)):
            continue  # the standard library has a builtin there, which tells none
        if label in TAKE_KEYWORDS.get(ours, ()) and not is_stdlib:
            recorded = [[name, "POSITIONAL_OR_KEYWORD", default] for name, _, default in recorded]
        same = got is not None and without_ours(label, got) == recorded
        faults.check(same, f"{label}{shown(got)}, expected {shown(recorded)}")


def test_older_calls_still_fit(side: Side, ours: str, faults: Any) -> None:
    """What the running version's standard library can be called with, ours can, parameter by parameter."""
    for label, value, running, _ in signatures(side, ours):
        before, got = parameters_of(running), parameters_of(value)
        if running is None or before is None or got is None or label.rpartition(".")[2].startswith("__"):
            continue
        by_name = {p[0]: p for p in got}
        takes_any = {p[1] for p in got} >= {"VAR_POSITIONAL", "VAR_KEYWORD"}
        for name, kind, _default in before:
            if kind in ("POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY") and not takes_any and name != "self":
                faults.check(name in by_name, f"{label}: no parameter {name}, the running version's has one")


def test_properties_are_properties(side: Side, ours: str, faults: Any) -> None:
    for class_name, cls, _running in classes_of(side, ours):
        for name, entry in newest()[MODULES[ours]][class_name]["members"].items():
            raw = inspect.getattr_static(cls, name, None)
            if entry["kind"] in ("property", "classmethod", "staticmethod") and raw is not None:
                faults.compare(f"the kind of {class_name}.{name}", kind_of(raw), entry["kind"])


def test_functions_say_what_they_are(side: Side, ours: str, faults: Any) -> None:
    for name, value, theirs, entry in functions(side, ours):
        if is_builtin(theirs) or (
            theirs is not None and getattr(theirs, "__module__", None) != MODULES[ours]
        ):
            continue  # a builtin, or the stdlib has it from elsewhere itself
        faults.check(
            value.__module__ in acceptable_modules(ours, side), f"{name}.__module__ is {value.__module__!r}"
        )
        faults.compare(f"{name}.__name__", value.__name__, name if theirs is None else theirs.__name__)
        faults.compare(
            f"{name}.__qualname__", value.__qualname__, name if theirs is None else theirs.__qualname__
        )
        faults.check(
            value.__doc__ or (theirs is not None and not theirs.__doc__), f"{name}.__doc__ is missing"
        )
        has_code = entry["code"] if theirs is None else hasattr(theirs, "__code__")
        faults.check(hasattr(value, "__code__") or not has_code, f"{name}.__code__ is missing")


def test_classes_say_what_they_are(side: Side, ours: str, faults: Any) -> None:
    for name, cls, running in classes_of(side, ours):
        theirs = running if inspect.isclass(running) else None
        if is_builtin(running) or (cls is theirs and side is not STDLIB):
            continue
        origin = inherited_from(theirs, ours, side)
        modules = acceptable_modules(ours, side) | origin
        faults.check(cls.__module__ in modules, f"{name}.__module__ is {cls.__module__!r}")
        faults.compare(f"{name}.__name__", cls.__name__, theirs.__name__ if theirs else name)
        faults.compare(f"{name}.__qualname__", cls.__qualname__, theirs.__qualname__ if theirs else name)
        faults.check(cls.__doc__ or (theirs and not theirs.__doc__), f"{name}.__doc__ is missing")


def test_classes_functions_and_methods_are_pickled_by_name(side: Side, ours: str, faults: Any) -> None:
    values = [(name, cls, running) for name, cls, running in classes_of(side, ours)]
    values += [(name, value, theirs) for name, value, theirs, _ in functions(side, ours)]
    values += [(m.label, m.raw, m.running) for m in methods(side, ours) if m.name not in NOT_BOUND]
    for label, value, running in values:
        if running is not None and (is_builtin(running) or not pickles(running)):
            continue
        try:
            again = pickle.loads(pickle.dumps(value))
        except Exception as error:
            faults.append(f"pickle of {label}: {type(error).__name__}: {error}")
        else:
            faults.check(again is value, f"pickle of {label} gives {again!r}")


def pickles(value: object) -> bool:
    try:
        return pickle.loads(pickle.dumps(value)) is value
    except Exception:
        return False


def test_pickle_of_bound_methods(side: Side, ours: str, faults: Any) -> None:
    """It works where the instance can be pickled; where not, the instance is what the error is about."""
    for label, name, cls, _, running, _ in methods(side, ours):
        if name in NOT_BOUND or running is None:
            continue
        with an_instance(cls, label, ours) as instance:
            if instance is None:
                continue
            instance_says, method_says = pickle_outcome(instance), pickle_outcome(getattr(instance, name))
            faults.compare(f"pickle of the bound {label}", method_says, instance_says)


def pickle_outcome(value: object) -> str:
    try:
        pickle.loads(pickle.dumps(value))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "done"


def test_instances_are_pickled_and_copied_as_theirs_are(side: Side, ours: str, faults: Any) -> None:
    for name, cls, running in classes_of(side, ours):
        if not inspect.isclass(running) or (running is cls and side is not STDLIB):
            continue
        with an_instance(cls, name, ours) as mine, an_instance(running, name, ours) as theirs:
            if theirs is None:
                continue
            for way, does in (("pickle", pickle_outcome), ("copy", copied), ("deepcopy", deeply_copied)):
                got, expected = does(mine), does(theirs)
                if way == "deepcopy" and expected == "done" or way == "pickle" and expected == "done":
                    faults.compare(f"{way} of a {name}", got, expected)
                elif way == "copy":
                    faults.compare(f"copy of a {name}", got, expected)
                else:
                    refused = got.partition(":")[0] in REFUSALS
                    faults.check(refused, f"{way} of a {name}: {got!r}, stdlib {expected!r}")


REFUSALS = {"TypeError", "PicklingError", "AttributeError"}


def copied(value: Any) -> str:
    try:
        again = copy.copy(value)
    except Exception as error:
        return type(error).__name__
    return f"a {type(again).__name__}"


def deeply_copied(value: Any) -> str:
    try:
        copy.deepcopy(value)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "done"


WRONG_KEYWORD = {"surely_no_such_parameter": 1}


def test_create_autospec_refuses_wrong_calls(side: Side, ours: str, faults: Any) -> None:
    """Wherever the standard library's is refused; one that only the newest version has is refused too."""
    for label, name, cls, _, running, entry in methods(side, ours):
        if name.startswith("__") or any(p[1] == "VAR_KEYWORD" for p in entry.get("parameters") or ()):
            continue
        if running is None or refuses(running):
            spec = mock.create_autospec(cls)
            faults.check(
                refuses_call(getattr(spec, name), spec), f"create_autospec({label}) takes any keyword"
            )
            one = mock.create_autospec(cls, instance=True)
            faults.check(
                refuses_call(getattr(one, name)), f"autospec of an instance: {label} takes any keyword"
            )
    for name, value, theirs, _ in functions(side, ours):
        if theirs is not None and isinstance(value, types.FunctionType) and refuses(theirs):
            faults.check(refuses(value), f"create_autospec({name}) takes any keyword")


def test_patch_object_with_autospec(side: Side, ours: str, faults: Any) -> None:
    """The mock in a method's place is given the instance, and refuses what the method would."""
    for label, name, cls, _, running, _ in methods(side, ours):
        if running is None or name.startswith("__") or not refuses(running):
            continue
        with an_instance(cls, label, ours) as instance:
            if instance is None:
                continue
            with mock.patch.object(cls, name, autospec=True) as mocked:
                method = getattr(instance, name)
                faults.check(refuses_call(method), f"patched {label} takes any keyword")
                with contextlib.suppress(TypeError):  # others need more arguments
                    method()
                    faults.compare(f"what patched {label} is given", mocked.call_args[0], (instance,))


def refuses(function: Any) -> bool:
    return refuses_call(mock.create_autospec(function), None)


def refuses_call(mocked: Any, *arguments: Any) -> bool:
    try:
        mocked(*arguments, **WRONG_KEYWORD)
    except TypeError:
        return True
    return False


def test_wraps_and_update_wrapper(side: Side, ours: str, faults: Any) -> None:
    for label, _, _, raw, running, _ in methods(side, ours):
        wrapped = functools.wraps(raw)(lambda *args, **kwargs: None)
        faults.check(wrapped.__wrapped__ is raw, f"wraps({label}) does not refer to it")
        faults.compare(f"wraps({label}).__doc__", wrapped.__doc__, raw.__doc__)
        faults.compare(f"the signature of wraps({label})", parameters_of(wrapped), parameters_of(raw))
        missing = [n for n in functools.WRAPPER_ASSIGNMENTS if hasattr(running, n) and not hasattr(raw, n)]
        faults.check(not missing, f"{label} has no {', '.join(missing)}")


def test_attributes_can_be_set(side: Side, ours: str, faults: Any) -> None:
    """On the class and on an instance, where the standard library's allow it; vars() shows them."""
    for name, cls, running in classes_of(side, ours):
        with an_instance(cls, name, ours) as mine, an_instance(running or cls, name, ours) as theirs:
            for what, target, model in (
                (name, cls, running or cls),
                (f"an instance of {name}", mine, theirs),
            ):
                if model is None or target is None or not takes_attribute(model):
                    continue
                faults.check(takes_attribute(target), f"{what} takes no attribute of a program")


def takes_attribute(target: Any) -> bool:
    try:
        target.attribute_of_a_program = 1
        shown = vars(target)["attribute_of_a_program"]
        del target.attribute_of_a_program
    except (AttributeError, TypeError):
        return False
    return shown == 1


def test_a_method_replaced_is_the_one_called(side: Side, ours: str, faults: Any) -> None:
    """On the class, and on an instance; `with` calls those of the class."""
    for label, name, cls, raw, running, _ in methods(side, ours):
        if name in ("__init__", "__class_getitem__") or running is None:
            continue
        with an_instance(cls, label, ours) as instance:
            if instance is not None:
                if not name.startswith("__") and takes_attribute(
                    instance
                ):  # such a one is looked for in the class alone
                    replaced_on_instance(faults, label, name, instance)
                replaced_on_class(faults, label, name, cls, instance)
                faults.check(inspect.getattr_static(cls, name) is raw, f"{label} is not put back")


def replaced_on_instance(faults: Any, label: str, name: str, instance: Any) -> None:
    try:
        setattr(instance, name, lambda *_: "replaced")
    except AttributeError as error:
        faults.append(f"{label} cannot be set on an instance: {error}")
        return
    faults.compare(f"{label}() replaced on an instance", getattr(instance, name)(), "replaced")
    delattr(instance, name)


def replaced_on_class(faults: Any, label: str, name: str, cls: type, instance: Any) -> None:
    try:
        with mock.patch.object(cls, name, lambda *_: "replaced"):
            if name == "__enter__":
                with mock.patch.object(cls, "__exit__", lambda *_: None), instance as value:
                    faults.compare(f"`with` after {label} was replaced", value, "replaced")
            elif name != "__exit__":
                faults.compare(f"{label}() replaced on the class", getattr(instance, name)(), "replaced")
    except (TypeError, AttributeError, RuntimeError) as error:
        faults.append(f"{label} replaced on the class: {type(error).__name__}: {error}")


def test_a_subclass_extends_each_method(side: Side, ours: str, faults: Any) -> None:
    """super() finds it, `with` and the class's own methods are reached through the subclass."""
    for label, name, cls, _, running, _ in methods(side, ours):
        if name in NOT_BOUND or running is None:
            continue
        body = {name: lambda self, *a, **k: ("extended", a, k)}
        try:
            sub = type(f"Sub{cls.__name__}", (cls,), body)
        except TypeError as error:
            faults.append(f"a subclass of {cls.__name__} with {name}: {error}")
            continue
        with an_instance(sub, label, ours) as one:
            if one is None:
                continue
            called = getattr(one, name)(1, b=2)
            faults.compare(f"{label}() of a subclass", called, ("extended", (1,), {"b": 2}))
            found = getattr(super(sub, one), name)
            same = getattr(found, "__func__", None) is inspect.getattr_static(cls, name)
            faults.check(same, f"super().{label} is {found!r}")
