"""Builds a wheel of each package for each interpreter, and installs from them what a test is to see.

    python tools/wheelhouse.py                                  every package, for this Python
    python tools/wheelhouse.py --python python3.9 --python python3.13t queue
    python tools/wheelhouse.py --python .venv/bin/python --install queue

A wheel is built again when anything it is made from differs: a byte of the package's sources or of
tools/include, the interpreter, the versions in its build environment, the compiler's flags.  It is built
from a copy of the package, so that no leftover of an earlier build can slip into it.

HASTEN_DEBUG=1 builds with the assertions of tools/include/compat.h, into a folder of its own.

--install puts the wheels into the environment of each --python: what is there of ours goes first, then
come the named packages and the siblings they declare, and nothing from anywhere else.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributions import (
    ROOT,
    Distribution,
    UsageError,
    discover,
    is_ours,
    required_to_build,
    select,
    with_siblings,
)
from interpreters import Interpreter, NotFound, probe

LEFTOVERS = ("build", "dist", "tests", "__pycache__", "*.egg-info", "*.so", "*.pyc", ".*_cache")
FLAGS = ("CC", "CFLAGS", "CPPFLAGS", "LDFLAGS")
DEBUG = "HASTEN_DEBUG"
CACHE = "HASTEN_BUILD_CACHE"  # the folder of compiled modules, read by each package's setup.py
KEPT_DAYS = 14


class BuildError(Exception):
    """A command failed; its output has been kept in the text."""


def digest_of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def run(command: list[str], **options: Any) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise BuildError(f"{' '.join(command)}\n{done.stdout.rstrip()}\n(exit status {done.returncode})")
    return str(done.stdout)


def debug_build() -> bool:
    return os.environ.get(DEBUG, "") not in ("", "0")


def compiler_flags() -> dict[str, str]:
    """What the environment says to the compiler and the linker."""
    flags = {name: os.environ[name] for name in FLAGS if name in os.environ}
    if debug_build():
        flags["CFLAGS"] = f"{flags.get('CFLAGS', '')} -D{DEBUG}=1".lstrip()
    return flags


def default_out() -> Path:
    # the wheels of both kinds have the same names
    return ROOT / ".cache" / "wheelhouse-debug" if debug_build() else ROOT / ".wheelhouse"


def default_cache() -> Path:
    """What has been compiled once, for every checkout of this user: the entries go by content."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "hasten", "build")


def prune(cache: Path) -> None:
    """Drop what has not been used for some time; setup.py marks the entries that it uses."""
    unused = time.time() - KEPT_DAYS * 24 * 3600
    for entry in cache.glob("*/*"):
        with contextlib.suppress(OSError):  # another process has dropped it
            if entry.stat().st_mtime < unused:
                entry.unlink()


def say(text: str) -> None:
    print(f"wheelhouse: {text}", flush=True)


@contextlib.contextmanager
def one_at_a_time(out: Path, interpreters: list[Interpreter]) -> Iterator[None]:
    """Keeps a second wheelhouse.py (tox in parallel) away from these interpreters' wheels."""
    (out / "locks").mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        for key in sorted({interpreter.key for interpreter in interpreters}):
            lock = stack.enter_context(open(out / "locks" / key, "w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class BuildEnvironment:
    """What setuptools and Cython build with, made once per interpreter."""

    def __init__(self, out: Path, interpreter: Interpreter, requires: list[str]) -> None:
        folder = out / "envs" / interpreter.key
        self.python = str(folder / "bin" / "python")
        ready = folder / "ready.json"
        if not ready.exists() or json.loads(ready.read_text())["requires"] != requires:
            say(f"{interpreter.label}: making a build environment with {', '.join(requires)}")
            shutil.rmtree(folder, ignore_errors=True)
            if importlib.util.find_spec("virtualenv") is None:
                raise UsageError("virtualenv is missing here: python -m pip install virtualenv")
            run([sys.executable, "-m", "virtualenv", "-q", "-p", interpreter.command, str(folder)])
            run([self.python, "-m", "pip", "install", "-q", *requires])
            versions = run([self.python, "-m", "pip", "freeze", "--all"]).split()
            ready.write_text(json.dumps({"requires": requires, "versions": versions}))
        self.versions = json.loads(ready.read_text())["versions"]

    def build_wheel(self, source: Path, target: Path) -> Path:
        """The wheel of a source folder or of an sdist, the only one in `target`."""
        command = [self.python, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps", "--no-index"]
        environment = {**os.environ, **compiler_flags()}
        environment.setdefault(CACHE, str(default_cache()))
        run([*command, "-w", str(target), str(source)], env=environment)
        (wheel,) = target.glob("*.whl")
        return wheel


@dataclass
class Job:
    """One package for one interpreter."""

    distribution: Distribution
    interpreter: Interpreter
    environment: BuildEnvironment
    out: Path
    built: bool = False

    @property
    def stamp(self) -> Path:
        return self.out / "stamps" / f"{self.distribution.name}-{self.interpreter.key}.json"

    @property
    def wheel(self) -> Path:
        """The wheel that :meth:`run` has built or found."""
        return self.out / str(json.loads(self.stamp.read_text())["wheel"])

    def run(self) -> Job:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="hasten-wheel-") as scratch:
            source = Path(scratch, "source")
            # symlinks=False: the shared headers become real files of the copy
            shutil.copytree(self.distribution.folder, source, ignore=shutil.ignore_patterns(*LEFTOVERS))
            made_from = self.digest(source)
            wheel = self.current_wheel(made_from)
            if wheel is None:
                wheel = self.build(source, Path(scratch, "wheel"))
                self.keep(wheel, made_from)
                self.built = True
        took = f"built in {time.monotonic() - started:.1f} s" if self.built else "up to date"
        say(f"{self.interpreter.label}: {wheel.name} {took}")
        return self

    def digest(self, source: Path) -> str:
        files = [p for p in sorted(source.rglob("*")) if p.is_file()]
        content = [[str(p.relative_to(source)), hashlib.sha256(p.read_bytes()).hexdigest()] for p in files]
        return digest_of([content, self.interpreter.key, self.environment.versions, compiler_flags()])

    def current_wheel(self, made_from: str) -> Path | None:
        if not self.stamp.exists():
            return None
        stamp = json.loads(self.stamp.read_text())
        wheel = self.out / stamp["wheel"]
        if stamp["made_from"] != made_from or not wheel.exists():
            return None
        # Two interpreters may share one file name, as they do for pure Python: whose file is it?
        same = hashlib.sha256(wheel.read_bytes()).hexdigest() == stamp["sha256"]
        return wheel if same else None

    def build(self, source: Path, target: Path) -> Path:
        try:
            return self.environment.build_wheel(source, target)
        except BuildError as error:
            name = f"{self.distribution.name} for {self.interpreter.label}"
            raise BuildError(f"{name} does not build:\n{error}") from None

    def keep(self, wheel: Path, made_from: str) -> None:
        stem, tags = wheel.name.split("-", 1)[0], wheel.name.split("-", 2)[2]
        for older in self.out.glob(f"{stem}-*-{tags}"):  # or pip would prefer a higher, older version
            if older.name != wheel.name:
                older.unlink()
        self.stamp.parent.mkdir(exist_ok=True)
        stamp = {
            "made_from": made_from,
            "wheel": wheel.name,
            "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        }
        arriving = self.out / f".{wheel.name}.{os.getpid()}.{self.interpreter.key}"
        shutil.copyfile(wheel, arriving)
        os.replace(arriving, self.out / wheel.name)
        self.stamp.write_text(json.dumps(stamp, indent=1))


def build_all(
    distributions: list[Distribution], requires: list[str], interpreters: list[Interpreter], out: Path
) -> list[Job]:
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with ThreadPoolExecutor(workers) as pool:
        environments = list(pool.map(lambda i: BuildEnvironment(out, i, requires), interpreters))
        prune(default_cache())
        jobs = [Job(d, i, e, out) for i, e in zip(interpreters, environments) for d in distributions]
        return list(pool.map(Job.run, jobs))


def build_all_for(interpreters: list[Interpreter]) -> list[Path]:
    """The wheels of every package for these interpreters, in .wheelhouse."""
    known, out = discover(ROOT), default_out()
    out.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(out, interpreters):
        jobs = build_all(list(known.values()), required_to_build(known), interpreters, out)
    return sorted({job.wheel for job in jobs})


def install(interpreter: Interpreter, chosen: list[Distribution], out: Path) -> None:
    pip = [interpreter.command, "-m", "pip"]
    there = json.loads(run([*pip, "list", "--format=json", "--disable-pip-version-check"]))
    ours = [entry["name"] for entry in there if is_ours(entry["name"])]
    if ours:
        run([*pip, "uninstall", "-q", "-y", *ours])
    names = [d.name for d in chosen]
    run([*pip, "install", "-q", "--no-index", "--find-links", str(out), *names], env=without_pip_settings())
    say(f"{interpreter.label}: installed {', '.join(names)} into {Path(interpreter.command).parent.parent}")


def without_pip_settings() -> dict[str, str]:
    """The environment with pip's own settings off: another --find-links must not bring another hasten."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="wheelhouse.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", action="append", metavar="PYTHON", help="interpreter; may be repeated")
    parser.add_argument("--out", type=Path, default=default_out(), help="default: .wheelhouse")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository; default: this one")
    parser.add_argument("--install", action="store_true", help="install into each --python's environment")
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help="such as queue; default: all")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    out = options.out.resolve()
    try:
        known = discover(options.root)
        chosen = select(options.packages, known)
        interpreters = [probe(command) for command in options.python or [sys.executable]]
        for interpreter in interpreters if options.install else []:
            if not interpreter.in_env:
                raise UsageError(f"--install: {interpreter.command} is not in a virtual environment")
        out.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(out, interpreters):
            jobs = build_all(with_siblings(chosen, known), required_to_build(known), interpreters, out)
            for interpreter in interpreters if options.install else []:
                install(interpreter, chosen, out)
    except (UsageError, NotFound) as error:
        print(f"wheelhouse: {error}", file=sys.stderr)
        return 2
    except BuildError as error:
        print(f"wheelhouse: {error}", file=sys.stderr)
        return 1
    built = sum(job.built for job in jobs)
    say(f"{len(jobs)} wheels in {out}, {built} of them built now")
    return 0


if __name__ == "__main__":
    sys.exit(main())
