"""Tools that people run on their programs, each in an environment of its own, under python -m hasten.

They need the network once and some minutes, so they run where HASTEN_TOOLS is set (to anything), on one
Python.
"""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "debugpy ipykernel coverage memray viztracer py-spy scalene sentry-sdk ddtrace joblib pebble gevent "
    "eventlet pytest pytest-xdist scikit-learn"
).split()
LIMIT = 60  # seconds for one program
INSTALLATION = 900  # seconds for the environment


def pytest_collection_modifyitems(items):
    skip = pytest.mark.skip(reason="HASTEN_TOOLS is not set")
    for item in items:
        if Path(__file__).parent in Path(str(item.fspath)).parents:
            item.add_marker(pytest.mark.timeout(INSTALLATION + 3 * LIMIT))  # the first of them installs all
            if not os.environ.get("HASTEN_TOOLS"):
                item.add_marker(skip)


class Tools:
    """The environment: what is installed in it, and how to run a program there."""

    def __init__(self, folder):
        self.python = str(folder / "bin" / "python")
        self.bin = folder / "bin"
        self.installed = {}

    def make(self):
        if not os.path.exists(self.python):
            subprocess.run(
                [sys.executable, "-m", "virtualenv", "-q", str(self.bin.parent)], check=True, timeout=120
            )
        self.installed = self.versions()
        wanted = [name for name in PACKAGES if name not in self.installed]
        if wanted and not self.install(wanted):
            for name in wanted:  # one that has no wheel for this Python takes the others along
                self.install([name])
        self.installed = self.versions()
        folder = subprocess.run(
            [self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        ).stdout.strip()
        places = sorted({str(Path(place).parent) for place in import_module("hasten").__path__})
        Path(folder, "hasten-under-test.pth").write_text("\n".join(places) + "\n")
        return self

    def install(self, names):
        command = [
            self.python,
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
        ]
        return subprocess.run([*command, *names], capture_output=True, timeout=INSTALLATION).returncode == 0

    def versions(self):
        command = [self.python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
        lines = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=LIMIT
        ).stdout.split()
        return {name.lower(): version for name, _, version in (line.partition("==") for line in lines)}


@pytest.fixture(scope="session")
def environment():
    version = "".join(map(str, sys.version_info[:2])) + getattr(sys, "abiflags", "")
    return Tools(ROOT / ".cache" / f"tools-{version}").make()


class Runner:
    def __init__(self, environment, folder):
        self.environment, self.folder = environment, folder
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        self.env.update(HOME=str(folder), PYDEVD_DISABLE_FILE_VALIDATION="1")

    def need(self, name):
        if name not in self.environment.installed:
            pytest.skip(f"{name} is not installed: no network, or no wheel for this Python")

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return name

    def command(self, *args, launcher=("-m", "hasten")):
        return [self.environment.python, *launcher, *args]

    def start(self, *args, **kwargs):
        kwargs = {"cwd": self.folder, "env": self.env, "stdout": -1, "stderr": -1, "text": True, **kwargs}
        return subprocess.Popen(self.command(*args), **kwargs)

    def plain(self, *args):
        return self.run(*args, launcher=())

    def run(self, *args, launcher=("-m", "hasten")):
        """Run to the end, well; return what was printed."""
        done = subprocess.run(
            self.command(*args, launcher=launcher),
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        if done.returncode:
            pytest.fail(f"status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout


@pytest.fixture
def tools(environment, tmp_path):
    return Runner(environment, tmp_path)
