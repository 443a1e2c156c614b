"""Types: mypy on our Python, and every public module against its stub and against the stdlib's.

    python tools/check_types                       in an environment that has the packages installed

1. mypy reads the tools and the Python part of the packages.
2. stubtest compares each compiled module with the __init__.pyi that it ships.
3. stubtest compares each module with typeshed's stub of the stdlib module it stands for, in the version
   that pyproject.toml names for mypy: each name there has to be in ours, with a signature that takes the
   same calls.

What may differ is in allowed.txt (2) and allowed_typeshed.txt (3), each line with its reason above it.  A
line that is not needed fails.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from distributions import discover  # noqa: E402  (tools/ has to be importable first)

# Where the stdlib's name is not the last part of ours
STANDS_FOR = {"hasten.shared_memory": "multiprocessing.shared_memory", "hasten.futures": "concurrent.futures"}


def compiled_modules() -> list[str]:
    """The public modules that ship a stub; hasten.patch is typed Python and has none."""
    found = []
    for distribution in discover(ROOT).values():
        for module in distribution.modules:
            if (distribution.folder / "src" / module.replace(".", "/") / "__init__.pyi").is_file():
                found.append(module)
    return found


def run_mypy() -> int:
    sources = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("packages/*/src"))]
    search = os.pathsep.join(["tools", "tests", *sources])
    plain = [str(p.relative_to(ROOT)) for p in sorted((ROOT / "tools").glob("*.py"))]
    packages = [f"tools/{p.parent.name}" for p in sorted((ROOT / "tools").glob("*/__init__.py"))]
    command = [sys.executable, "-m", "mypy", "noxfile.py", "tests/support", *plain, *packages, *sources]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "MYPYPATH": search}).returncode


def run_stubtest(modules: list[str], allowed: str, *options: str) -> int:
    """In this process, so that what sys.modules holds is what stubtest finds."""
    from mypy import stubtest

    settings = ["--mypy-config-file", str(ROOT / "pyproject.toml"), "--allowlist", str(HERE / allowed)]
    command = [*modules, *settings, *options]
    return stubtest.test_stubs(stubtest.parse_options(command))


def against_own_stubs(modules: list[str]) -> int:
    print(f"stubtest: {', '.join(modules)} against the stubs they ship", flush=True)
    return run_stubtest(modules, "allowed.txt")


def put_in_place(name: str, module: str) -> None:
    """Let *name* and its parts be the hasten module and its parts, as stubtest imports them."""
    package = importlib.import_module(module)
    parts = [part.name for part in pkgutil.iter_modules(getattr(package, "__path__", ()))]
    for part in parts:
        sys.modules[f"{name}.{part}"] = importlib.import_module(f"{module}.{part}")
    sys.modules[name] = package


def against_typeshed(modules: list[str]) -> int:
    replaced = []
    for module in modules:
        name = STANDS_FOR.get(module, module.partition(".")[2])
        if name in sys.stdlib_module_names or "." in name:
            put_in_place(name, module)
            replaced.append(name)
    print(f"stubtest: hasten's {', '.join(replaced)} against typeshed's stubs", flush=True)
    # what we have and the stdlib has not is not typeshed's business
    # and it checks the parts of a package by itself
    names = [name for name in replaced if name.rpartition(".")[0] not in replaced]
    return run_stubtest(names, "allowed_typeshed.txt", "--ignore-missing-stub")


def main(arguments: list[str]) -> int:
    steps = {"mypy": run_mypy}
    steps["stubs"] = lambda: against_own_stubs(compiled_modules())
    steps["typeshed"] = lambda: against_typeshed(compiled_modules())
    unknown = [name for name in arguments if name not in steps]
    if unknown:
        print(f"check_types: no step {unknown[0]!r}; there are: {', '.join(steps)}", file=sys.stderr)
        return 2
    results = [steps[name]() for name in arguments or steps]
    return 1 if any(results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
