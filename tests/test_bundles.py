"""All compiled modules of a package are in one file (tools/include/bundle.h), and are imported as ever."""

from __future__ import annotations

import importlib
import importlib.util
import py_compile
import subprocess
import sys
import threading

import pytest

PACKAGES = [
    "hasten._dummy_thread",
    "hasten._thread",
    "hasten.dummy_threading",
    "hasten.futures",
    "hasten.queue",
    "hasten.sched",
    "hasten.shared_memory",
    "hasten.subprocess",
    "hasten.threading",
]


@pytest.fixture(params=PACKAGES)
def bundle(request):
    pytest.importorskip(request.param)
    try:
        return importlib.import_module(f"{request.param}._bundle")
    except ModuleNotFoundError:
        pytest.skip(f"{request.param} was built with a file for each module")


def in_new_interpreter(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def compiled(bundle) -> list[str]:
    package = bundle.__name__.rpartition(".")[0]
    names = [name for name in sys.modules if name.startswith(package + ".")]
    return [name for name in names if getattr(sys.modules[name], "__file__", "").endswith(".so")]


def test_there_is_no_other_file(bundle):
    names = compiled(bundle)
    assert len(names) > 1
    assert {sys.modules[name].__file__ for name in names} == {bundle.__file__}


def test_what_is_known_of_a_module_before_it_is_imported(bundle):
    for name in compiled(bundle):
        spec = importlib.util.find_spec(name)
        assert spec.name == name and spec.origin == bundle.__file__ and spec.has_location
        assert spec.cached is None and spec.submodule_search_locations is None


def test_what_the_package_imports_itself(bundle):
    """As the import system leaves a module, so does load()."""
    package = sys.modules[bundle.__name__.rpartition(".")[0]]
    for name in compiled(bundle):
        if name == bundle.__name__:
            continue
        child, module = name.rpartition(".")[2], sys.modules[name]
        delattr(package, child)
        del sys.modules[name]
        try:
            bundle.load("_no_such_module", child, child)
            loaded = sys.modules[name]
        finally:
            sys.modules[name] = module
        assert loaded is module and getattr(package, child) is module  # Cython's modules are made once
        spec = module.__spec__
        assert (spec.name, spec.parent, spec.origin) == (name, package.__name__, bundle.__file__)
        assert (module.__name__, module.__package__, module.__file__) == (name, spec.parent, spec.origin)
        assert module.__loader__ is spec.loader


@pytest.mark.parametrize("name", ["", 1, None])
def test_nothing_of_that_name(bundle, name):
    before = set(sys.modules)
    bundle.load(name)
    assert set(sys.modules) == before


def test_one_that_does_not_exist(bundle):
    package = bundle.__name__.rpartition(".")[0]
    with pytest.raises(ModuleNotFoundError, match="_no_such_module"):
        importlib.import_module(f"{package}._no_such_module")


AGAIN = """
import importlib, sys
package = sys.argv[1]
importlib.import_module(package)
before = [repr(finder) for finder in sys.meta_path]
for name in [name for name in sys.modules if name.startswith(package + ".")]:
    del sys.modules[name]
del sys.modules[package]
importlib.import_module(package)
assert [repr(finder) for finder in sys.meta_path] == before, sys.meta_path
for name in [name for name in sys.modules if name.startswith(package + ".")]:
    module = sys.modules[name]
    if getattr(module, "__file__", "").endswith(".so"):
        assert importlib.reload(module) is module
print("ok")
"""


def test_importing_a_package_again(bundle):
    assert in_new_interpreter(AGAIN, bundle.__name__.rpartition(".")[0]) == "ok\n"


def test_the_finder_stands_behind_those_of_the_interpreter_and_before_that_of_folders():
    pytest.importorskip("hasten.queue")
    names = "[getattr(finder, '__name__', repr(finder)) for finder in sys.meta_path]"
    code = f"import sys, hasten.queue; print(*{names}, sep=chr(10))"
    finders = in_new_interpreter(code).splitlines()
    ours = [finder for finder in finders if "finder of the modules in" in finder]
    if not ours:
        pytest.skip("built with a file for each module")
    assert len(ours) == len(set(ours))
    last = finders.index("PathFinder")
    assert finders[last - len(ours) : last] == ours


# ---- parts that are written in Python, in a folder that is the package's for the time of a test ----


@pytest.fixture
def part(bundle, tmp_path, monkeypatch):
    """Writes a part of the package and gives its full name."""
    package = sys.modules[bundle.__name__.rpartition(".")[0]]
    monkeypatch.setattr(package, "__path__", [str(tmp_path)])
    before = set(sys.modules)

    def write(text: str, name: str = "_part") -> str:
        path = tmp_path.joinpath(*name.split("."))
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(".py").write_text(text)
        importlib.invalidate_caches()
        return f"{package.__name__}.{name}"

    yield write
    for name in set(sys.modules) - before:
        if name.startswith(package.__name__ + "."):
            del sys.modules[name]
            vars(package).pop(name[len(package.__name__) + 1 :], None)


def test_a_part_written_in_python_is_as_the_import_system_leaves_it(bundle, part):
    name = part("'''What it is'''\nhad = sorted(globals())\nloading = vars(__spec__).get('_initializing')\n")
    bundle.load("_part")
    loaded = sys.modules.pop(name)
    package = sys.modules[loaded.__package__]
    assert package._part is loaded
    imported = importlib.import_module(name)
    assert imported is not loaded and imported.loading and loaded.loading
    assert {*vars(loaded)} == {*vars(imported)} and loaded.had == imported.had
    for field in ("__name__", "__doc__", "__package__", "__file__", "__cached__", "__builtins__"):
        assert getattr(loaded, field, None) == getattr(imported, field, None)
    assert type(loaded.__loader__) is type(imported.__loader__)
    assert loaded.__loader__ is loaded.__spec__.loader
    for field in ("name", "parent", "origin", "cached", "has_location", "submodule_search_locations"):
        assert getattr(loaded.__spec__, field) == getattr(imported.__spec__, field)
    assert not loaded.__spec__._initializing
    sys.modules[name] = loaded
    assert importlib.reload(loaded) is loaded


def test_a_part_of_a_folder(bundle, part):
    part("", "_folder.__init__")
    name = part("value = 5", "_folder.part")
    bundle.load("_folder.part")
    assert sys.modules[name].value == 5
    assert sys.modules[name.rpartition(".")[0]].part is sys.modules[name]


def test_a_part_that_fails_is_not_there(bundle, part):
    name = part("1 / 0")
    with pytest.raises(ZeroDivisionError):
        bundle.load("_part")
    assert name not in sys.modules
    part("value = 5\n")
    bundle.load("_part")
    assert sys.modules[name].value == 5


def test_a_part_without_its_text_is_left_to_the_import_system(bundle, part, tmp_path):
    name = part("value = 5")
    text = tmp_path / "_part.py"
    py_compile.compile(str(text), cfile=str(tmp_path / "_part.pyc"))
    text.unlink()
    importlib.invalidate_caches()
    bundle.load("_part")
    assert name not in sys.modules
    assert importlib.import_module(name).value == 5


def test_who_imports_a_part_meanwhile_gets_it_whole(bundle, part):
    name = part("import sys\nsys.at_part()\nwhole = True\n")
    found: list[bool] = []
    started = threading.Event()

    def other():
        started.set()
        found.append(getattr(importlib.import_module(name), "whole", False))

    def at_part():
        thread.start()
        started.wait()

    thread = threading.Thread(target=other)
    sys.at_part = at_part  # type: ignore[attr-defined]
    try:
        bundle.load("_part")
        thread.join()
    finally:
        del sys.at_part  # type: ignore[attr-defined]
    assert found == [True]
