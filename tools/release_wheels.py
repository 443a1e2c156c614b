"""Makes of the wheels in .wheelhouse those that other machines can take, and tries them.

    python tools/release_wheels.py --python python3.11 --python python3.13t

Each compiled wheel gets the oldest manylinux or musllinux tag that it may bear, by auditwheel, and goes with
the pure one into dist/.  Then each interpreter installs all of them into a new environment, with nothing else
within reach, and runs a program under `python -m hasten` there.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from distributions import ROOT, UsageError, discover
from interpreters import Interpreter, NotFound, probe
from wheelhouse import BuildError, build_all_for, run, without_pip_settings

SMOKE = """
import queue, sched, subprocess, sys, threading
from concurrent.futures import ThreadPoolExecutor, as_completed

import hasten.dummy_threading, hasten.shared_memory

for name in ("queue", "sched", "subprocess", "threading"):
    assert sys.modules[name] is sys.modules["hasten." + name], name
items = queue.Queue()
workers = [threading.Thread(target=lambda: items.put(items.get() + 1)) for _ in range(3)]
for worker in workers:
    worker.start()
items.put(0)
for worker in workers:
    worker.join()
assert items.get() == 3
with ThreadPoolExecutor(2) as pool:
    futures = [pool.submit(pow, 2, n) for n in range(4)]
    assert sorted(future.result() for future in as_completed(futures)) == [1, 2, 4, 8]
said = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True, check=True)
assert said.stdout == "42\\n"
print("ok")
"""


def retag(wheel: Path, out: Path) -> None:
    if wheel.name.endswith("-none-any.whl"):
        shutil.copy(wheel, out)
        return
    # no library of another project is linked, so that nothing has to be put into the wheel
    run([sys.executable, "-m", "auditwheel", "repair", "--plat", "auto", "-w", str(out), str(wheel)])


def install_alone(interpreter: Interpreter, folder: Path, shelf: Path, names: list[str]) -> str:
    """Make an environment in *folder* with these and what they need, from the shelf only; its Python."""
    run([sys.executable, "-m", "virtualenv", "-q", "-p", interpreter.command, str(folder)])
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "install", "-q", "--no-index", "--find-links", str(shelf)]
    run([*pip, *names], env=without_pip_settings())
    return python


def smoke(interpreter: Interpreter, out: Path, names: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="hasten-smoke-") as folder:
        python = install_alone(interpreter, Path(folder, "env"), out, names)
        told = run([python, "-m", "hasten", "-c", SMOKE], cwd=folder)
        if told != "ok\n":
            raise BuildError(f"{interpreter.label}: the program under python -m hasten said {told!r}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="release_wheels.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", action="append", metavar="PYTHON", help="interpreter; may be repeated")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="default: dist")
    parser.add_argument("--only-try", action="store_true", help="try the wheels that are there")
    options = parser.parse_args(arguments)
    try:
        interpreters = [probe(command) for command in options.python or [sys.executable]]
        if not options.only_try:
            shutil.rmtree(options.out, ignore_errors=True)
            options.out.mkdir(parents=True)
            for wheel in build_all_for(interpreters):
                retag(wheel, options.out)
        for interpreter in interpreters:
            smoke(interpreter, options.out, list(discover()))
            print(f"release_wheels: {interpreter.label}: installed and ran", flush=True)
    except (UsageError, NotFound) as error:
        print(f"release_wheels: {error}", file=sys.stderr)
        return 2
    except BuildError as error:
        print(f"release_wheels: {error}", file=sys.stderr)
        return 1
    for wheel in sorted(options.out.iterdir()):
        print(f"release_wheels: {wheel.name} {wheel.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
