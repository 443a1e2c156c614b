"""The tests run programs: under plain python, which is the oracle, and under python -m hasten."""

import os
import subprocess
import sys

import pytest

LIMIT = 60  # seconds; a program of these tests takes well below one


class Result:
    """What a program left behind."""

    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __eq__(self, other):
        return (self.status, self.out, self.err) == (other.status, other.out, other.err)

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.out}--- stderr\n{self.err}"


class Runner:
    """Runs this interpreter in *folder*."""

    def __init__(self, folder):
        self.folder = folder
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return name

    def add_modules(self, **sources):
        """Stand-ins hasten.NAME for distributions that are not installed; a double underscore is a dot."""
        for name, text in sources.items():
            self.write("standins/hasten/" + name.replace("__", "/") + "/__init__.py", text)
        self.env["PYTHONPATH"] = str(self.folder / "standins")

    def python(self, *args, stdin="", **kwargs):
        command = [sys.executable, *map(str, args)]
        kwargs = {"cwd": self.folder, "env": self.env, **kwargs}
        return Result(
            subprocess.run(
                command, input=stdin, capture_output=True, encoding="utf-8", timeout=LIMIT, **kwargs
            )
        )

    def hasten(self, *args, flags=(), **kwargs):
        return self.python(*flags, "-m", "hasten", *args, **kwargs)

    def check(self, source, *args, **kwargs):
        """Run *source* as a script under plain python; it has to end well and in silence."""
        self.write("check.py", source)
        result = self.python(*args, "check.py", **kwargs)
        if (result.status, result.err) != (0, ""):
            pytest.fail(repr(result))
        return result.out


@pytest.fixture
def run(tmp_path):
    return Runner(tmp_path)
