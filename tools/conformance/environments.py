"""Throw-away environments: one with the plain standard library, one for each set of redirected names.

`python -m venv --without-pip` takes a moment and nothing from the network; the wheels are unpacked
beside it, since a wheel of ours is a zip file of what goes into site-packages.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

from interpreters import Interpreter

from .cpython_tests import Unusable, donor, find, test_modules

HERE = Path(__file__).resolve().parent
GENERATED = "conformance_generated"  # test modules that the interpreter's own install lacks

FIND_MODULES = """
import importlib.util, json, sys
def there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
print(json.dumps([name for name in sys.argv[1:] if there(name)]))
"""
SAME_OBJECT = """
import importlib, json, sys
names = json.loads(sys.argv[1])
print([n for n, t in names.items() if importlib.import_module(n) is not importlib.import_module(t)])
"""


@dataclass(frozen=True)
class Environment:
    """A venv; `names` are redirected in it for every process that starts from its interpreter."""

    python: str
    site: Path
    names: dict[str, str]

    def ask(self, code: str, *args: str) -> str:
        """The output of a child that has neither environment variables nor a user site."""
        command = [self.python, "-I", "-c", code, *args]
        answer = subprocess.run(command, capture_output=True, text=True, env={}, timeout=120)
        if answer.returncode:
            raise Unusable(f"{self.python}: {answer.stderr.strip()[-2000:]}")
        return answer.stdout.strip()

    def installed(self, modules: list[str]) -> set[str]:
        return set(json.loads(self.ask(FIND_MODULES, *modules)))

    def not_redirected(self) -> str:
        """What is wrong with the redirect in a bare child, as a sentence; empty when all is well."""
        try:
            wrong = self.ask(SAME_OBJECT, json.dumps(self.names))
        except Unusable as error:
            return str(error)
        return "" if wrong == "[]" else f"import does not yield hasten in a child process: {wrong}"


def create(folder: Path, python: Interpreter, homes: list[str], names: dict[str, str]) -> Environment:
    """Make an environment whose interpreter finds hasten in `homes` and redirects `names`."""
    made = subprocess.run(
        [python.command, "-m", "venv", "--without-pip", str(folder)], capture_output=True, text=True
    )
    if made.returncode:
        raise Unusable(
            f"{python.command}: cannot make an environment: {(made.stderr or made.stdout).strip()}"
        )
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "_conformance_names.py").write_text(f"NAMES = {names!r}\nSITES = {homes!r}\n")
    shutil.copyfile(HERE / "redirect.py", site / "_conformance_redirect.py")
    # "a" sorts before other packages' lines, so that nothing imports a redirected name earlier.
    (site / "a_conformance.pth").write_text("import _conformance_redirect; _conformance_redirect.start()\n")
    child = site / "_conformance_child"
    child.mkdir()
    (child / "__init__.py").touch()
    shutil.copyfile(HERE / "child.py", child / "__main__.py")
    return Environment(str(folder / "bin" / "python"), site, names)


def unpack_wheels(wheels: Path, python: Interpreter, home: Path) -> list[str]:
    """Unpack the wheels that fit the interpreter; returns the distributions found."""
    digits = re.sub(r"\D", "", python.label)
    fits = re.compile(rf"(?:cp{digits}-cp{digits}{'t' if python.free_threaded else ''}|py3-none)-[^-]+\.whl$")
    found: dict[str, Path] = {}
    for wheel in sorted(wheels.rglob("hasten*.whl"), key=lambda file: file.stat().st_mtime):
        if fits.search(wheel.name):
            found[wheel.name.split("-")[0]] = wheel  # the newest of each distribution
    for wheel in found.values():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(home)
    return sorted(found)


def supply_tests(python: Interpreter, suite, envs: list[Environment]) -> tuple[list[str], str]:
    """The full names of a suite's test modules, and a note when they had to be made or borrowed."""
    if suite.tests_from:
        giver = find(f"python{suite.tests_from}")
        assert giver.tests is not None  # or find() would have raised
        return borrow(giver.tests, suite.module, envs), f"tests and baseline from {giver.version}"
    own = test_modules(python.tests, suite.module)
    if own:
        return [f"test.{name}" for name in own], ""
    if suite.start_method and python.tests and (python.tests / "_test_multiprocessing.py").is_file():
        parts = [generate(env, suite) for env in envs][0]
        return parts, f"{python} lacks test.{suite.module}: generated from _test_multiprocessing"
    other = donor(suite.module, python) if suite.borrow else None
    if other is None:
        return [], f"{python} lacks test.{suite.module}"
    assert other.tests is not None  # or donor() would have passed it over
    modules = borrow(other.tests, suite.module, envs)
    return modules, f"{python} lacks test.{suite.module}: borrowed from {other.version}"


def generate(env: Environment, suite) -> list[str]:
    """Write the modules of a multiprocessing test package as later versions have them."""
    folder = env.site / GENERATED / suite.module
    folder.mkdir(parents=True)
    parts = {
        "test_manager": "only_type='manager'",
        "test_misc": "exclude_types=True",
        "test_processes": "only_type='processes'",
        "test_threads": "only_type='threads'",
    }
    for part, choice in parts.items():
        (folder / f"{part}.py").write_text(
            "from test._test_multiprocessing import install_tests_in_module_dict\n"
            f"install_tests_in_module_dict(globals(), {suite.start_method!r}, {choice})\n"
        )
    return [f"{GENERATED}.{suite.module}.{part}" for part in parts]


def borrow(tests: Path, name: str, envs: list[Environment]) -> list[str]:
    """Link a test of another version into the environments."""
    for env in envs:
        (env.site / GENERATED).mkdir(exist_ok=True)
        source = tests / name if (tests / name).is_dir() else tests / f"{name}.py"
        (env.site / GENERATED / source.name).symlink_to(source)
    return [f"{GENERATED}.{module}" for module in test_modules(tests, name)]
