"""unittest.mock's specs of our classes refuse the calls that the classes refuse."""

from __future__ import annotations

import copy
import inspect
import pickle
import types
from unittest import mock

import pytest

CLASSES = ["Future", "Executor", "ThreadPoolExecutor"]
WRONG = {
    "Future": [
        ("result", (1, 2), {}),
        ("set_result", (), {}),
        ("add_done_callback", (), {}),
        ("cancel", (1,), {}),
        ("exception", (), {"wait": 1}),
        ("done", (1,), {}),
    ],
    "ThreadPoolExecutor": [("submit", (), {}), ("shutdown", (), {"when": 1}), ("map", (), {})],
}
WRONG_CALLS = [(name, *call) for name, calls in WRONG.items() for call in calls]


@pytest.mark.parametrize(("name", "method", "args", "kwargs"), WRONG_CALLS)
@pytest.mark.parametrize("way", ["class", "instance", "called"])
def test_wrong_calls(impl, way, name, method, args, kwargs):
    cls = getattr(impl, name)
    spec = mock.create_autospec(cls, instance=way == "instance")
    if way == "called":
        spec = spec()
    with pytest.raises(TypeError):
        getattr(spec, method)(*args, **kwargs)


def test_right_calls(impl):
    future = mock.create_autospec(impl.Future, instance=True)
    future.result.return_value = 5
    assert future.result(timeout=3) == 5
    future.result.assert_called_once_with(3)
    pool = mock.create_autospec(impl.ThreadPoolExecutor)(max_workers=3)
    pool.submit(pow, 2, 3)
    pool.submit.assert_called_once_with(pow, 2, 3)
    with pytest.raises(TypeError):
        mock.create_autospec(impl.ThreadPoolExecutor)(1, "", None, (), 5, 6)


def test_functions(impl):
    wait = mock.create_autospec(impl.wait)
    wait([], return_when="ALL_COMPLETED")
    with pytest.raises(TypeError):
        wait()
    with pytest.raises(TypeError):
        wait([], until=3)


def test_a_method_that_is_patched(impl):
    with mock.patch.object(impl.Future, "result", autospec=True, return_value=7) as result:
        future = impl.Future()
        assert future.result(timeout=2) == 7
        result.assert_called_once_with(future, timeout=2)
        with pytest.raises(TypeError):
            future.result(1, 2, 3)
    future = impl.Future()
    with mock.patch.object(future, "done", autospec=True, return_value=True) as done:
        assert future.done()
        done.assert_called_once_with()


@pytest.mark.parametrize("name", CLASSES)
def test_methods_are_functions(impl, name):
    cls = getattr(impl, name)
    for method in ("result", "set_result", "submit", "map", "shutdown", "__init__"):
        function = vars(cls).get(method)
        if function is None:
            continue
        assert isinstance(function, types.FunctionType) and inspect.isfunction(function)
        assert inspect.isroutine(function) and not inspect.ismethod(function)
        assert copy.copy(function) is copy.deepcopy(function) is function
        assert pickle.loads(pickle.dumps(function)) is function
        assert str(inspect.signature(function)).startswith("(self")
