"""An environment for each --python that has hasten in it, built from this checkout.

An interpreter that can import the wanted modules already is measured as it is. Any other gets a virtual
environment, into which tools/wheelhouse.py installs the wheels of this checkout, and pip the peers, where
they install at all.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from interpreters import on_path

BENCH = Path(__file__).resolve().parent
WHEELHOUSE = BENCH.parent / "wheelhouse.py"


class NoEnvironment(Exception):
    """The interpreter cannot be measured; the text is one line with the way out."""


def has_hasten(python: str, imports: list[str]) -> bool:
    """Whether this interpreter has all of these modules."""
    command = [
        python,
        "-c",
        "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]",
    ]
    return subprocess.run([*command, *imports], capture_output=True).returncode == 0


def prepare(python: str, packages: list[str], imports: list[str], folder: Path) -> str:
    """The interpreter to measure with: `python` itself, or that of a new environment under `folder`."""
    found = on_path(python)
    if found is None:
        raise NoEnvironment(f"{python} is not on PATH; name an interpreter, such as {sys.executable}")
    if has_hasten(found, imports):
        return found
    if importlib.util.find_spec("virtualenv") is None:
        raise NoEnvironment(
            f"{python} lacks {imports[0]}, and an environment for it needs virtualenv: "
            f"{sys.executable} -m pip install -r tools/bench/requirements.txt"
        )
    target = folder / Path(found).name
    run(
        [sys.executable, "-m", "virtualenv", "--quiet", "-p", found, str(target)],
        f"no environment for {python}",
    )
    inside = str(target / "bin" / "python")
    run(
        [sys.executable, str(WHEELHOUSE), "--python", inside, "--install", *packages],
        f"no wheels for {python}",
    )
    for peer in peers():
        outcome = subprocess.run([inside, "-m", "pip", "install", "--quiet", peer], capture_output=True)
        if outcome.returncode:
            print(f"bench: {peer} does not install on {python}, so it is left out", file=sys.stderr)
    return inside


def peers() -> list[str]:
    """The optional packages to compare with."""
    lines = (BENCH / "peers.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def run(command: list[str], failure: str) -> None:
    """Run a step of the set-up; its output shows only when it fails."""
    outcome = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if outcome.returncode:
        print(outcome.stdout, file=sys.stderr)
        raise NoEnvironment(f"{failure}: {Path(command[1]).name} ended with status {outcome.returncode}")
