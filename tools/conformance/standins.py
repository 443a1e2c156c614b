"""Stand-ins for hasten: copies of the standard library's modules, made at run time to calibrate the tool.

With them the redirect, the comparison and the exemptions are tried out before a hasten module exists:
what a plain copy loses is not the fault of compiled code. Nothing of them is ever stored.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

# `_thread` is built in and has no source: the stand-in hands on its names, with one function of its own.
BUILTIN = """
import {name} as _original

globals().update((n, v) for n, v in vars(_original).items() if n[:2] != "__")


def {witness}(*args, **kwargs):
    return _original.{witness}(*args, **kwargs)
"""


def make(home: Path, lib: Path, names: dict[str, str], witnesses: dict[str, str]) -> None:
    """Write a stand-in below `home` for each name that the standard library in `lib` has."""
    for name, target in names.items():
        if any(name.startswith(package + ".") for package in names):
            continue  # its package is copied whole
        source = lib.joinpath(*name.split("."))
        place = home.joinpath(*target.split("."))
        place.parent.mkdir(parents=True, exist_ok=True)
        if name == "_thread":
            place.with_suffix(".py").write_text(BUILTIN.format(name=name, witness=witnesses[name]))
        elif source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            for file in place.rglob("*.py"):
                rename_imports(file, name, target)
        elif source.with_suffix(".py").is_file():
            shutil.copyfile(source.with_suffix(".py"), place.with_suffix(".py"))


def rename_imports(file: Path, name: str, target: str) -> None:
    """Let a copied package import its own parts: while it loads, its old name means the original."""
    own_import = re.compile(rf"^(\s*(?:from|import) ){re.escape(name)}\b", re.MULTILINE)
    text = file.read_text(encoding="utf-8")
    file.write_text(own_import.sub(rf"\g<1>{target}", text), encoding="utf-8")
