"""Makes packages/hasten-NAME from tools/template/ and tells tox.ini about it.

    python tools/new_package.py sched                             hasten.sched
    python tools/new_package.py dummy-thread --module _dummy_thread

What comes out builds, passes its tests and tools/check_packages.py; then its own sources take the place
of the example's.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

from distributions import ROOT, UsageError, factor_of
from tox_factors import add_factor

PLAIN_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def fill_in(folder: Path, distribution: str, module: str) -> None:
    """Put the names where the template has their placeholders, in file names too."""
    # deepest first: a folder is renamed after what is in it
    for path in sorted(folder.rglob("*"), key=lambda p: len(p.parts), reverse=True):
        if path.is_symlink():
            continue
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            text = text.replace("DISTRIBUTION_NAME", distribution).replace("MODULE_NAME", module)
            path.write_text(text, encoding="utf-8")
        path.rename(path.with_name(path.name.replace("MODULE_NAME", module)))


def make(root: Path, name: str, module: str) -> Path:
    if not PLAIN_NAME.fullmatch(name) or name in ("hasten", "meta"):
        raise UsageError(f"{name!r} is no name for a package: lower-case words joined by '-', such as sched")
    if not module.isidentifier():
        raise UsageError(f"{module!r} is no name for a module")
    folder = root / "packages" / f"hasten-{name}"
    if folder.exists():
        raise UsageError(f"{folder} exists already")
    ignore = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    shutil.copytree(root / "tools" / "template", folder, symlinks=True, ignore=ignore)
    fill_in(folder, folder.name, module)
    add_factor(root / "tox.ini", factor_of(folder.name))
    return folder


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="new_package.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", metavar="NAME", help="such as sched, for the distribution hasten-sched")
    parser.add_argument("--module", help="the module's name under hasten; default: NAME with '_' for '-'")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository; default: this one")
    options = parser.parse_args(arguments)
    module = options.module or options.name.replace("-", "_")
    try:
        folder = make(options.root, options.name, module)
    except UsageError as error:
        print(f"new_package: {error}", file=sys.stderr)
        return 2
    print(f"made {folder} (hasten.{module}) and added {factor_of(folder.name)} to tox.ini")
    print(f"now: write src/hasten/{module}/, list its siblings in pyproject.toml; add it to the")
    print("requirements of packages/hasten; run tools/check_packages.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
