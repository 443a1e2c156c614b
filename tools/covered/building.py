"""All packages with Cython's line tracing, in one tree, as they are installed.

A module is compiled again when a source of its distribution, a shared header, Cython or the interpreter is
another one.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from distributions import ROOT, discover
from wheelhouse import BuildError, run

from covered.places import HOME, OBJECTS, TREE

COPIED = {".py", ".pyx", ".pxd", ".pxi", ".h", ".typed"}
COMPILED = {".pyx", ".pxd", ".pxi", ".h"}
INCLUDE = ROOT / "tools" / "include"
FLAGS = ("-shared", "-fPIC", "-O0", "-w", "-fwrapv", "-pthread", "-DCYTHON_TRACE=1")
WITHOUT_GIL = re.compile(r"^ *__Pyx_TraceLine\(\d+,\d+,1,.*\n", re.MULTILINE)


def directives() -> dict[str, object]:
    """Cython's directives of the packages, which setup.py has, and line tracing."""
    for node in ast.parse((ROOT / "tools" / "template" / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DIRECTIVES":
            return {**ast.literal_eval(node.value), "linetrace": True}
    raise BuildError("tools/template/setup.py has no DIRECTIVES")


def copy_sources() -> dict[Path, str]:
    """All packages' files in TREE; the modules to compile, and the digest that names what becomes of each."""
    shutil.rmtree(TREE, ignore_errors=True)
    common = [str(TREE), sys.version, version("Cython"), str(directives()), *FLAGS, *texts(INCLUDE)]
    common += [Path(__file__).read_text(encoding="utf-8")]
    modules = {}
    for distribution in discover().values():
        source = distribution.folder / "src"
        made_from = repr([common, *texts(source)])
        for path in source.rglob("*"):
            if path.is_file() and path.suffix in COPIED:
                target = TREE / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
                if path.suffix == ".pyx":
                    modules[target] = hashlib.sha256(f"{target} {made_from}".encode()).hexdigest()
    return modules


def texts(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in COMPILED and path.is_file():
            yield f"{path.relative_to(folder)} {path.read_text(encoding='utf-8')}"


def counted(c: str) -> str:
    """The C without the traces of lines that run without the GIL: they count neither as run nor as not run.

    Nobody would be told of them, for that takes the GIL, while C may hold a lock.
    """
    return WITHOUT_GIL.sub("", c)


def compile_module(pyx: Path, digest: str) -> bool:
    """The C and the shared object come to lie beside the source, where coverage's plugin looks for them."""
    c, shared = pyx.with_suffix(".c"), pyx.with_name(pyx.stem + sysconfig.get_config_var("EXT_SUFFIX"))
    kept = [OBJECTS / f"{digest}{suffix}" for suffix in (".c", ".so")]
    missing = not all(path.exists() for path in kept)
    if missing:
        translate(pyx, c)
        headers = [f"-I{path}" for path in (sysconfig.get_paths()["include"], INCLUDE, pyx.parent)]
        compiler = os.environ.get("CC", "gcc")
        run([compiler, *FLAGS, *headers, str(c), "-o", str(shared), "-lrt", "-ldl"], cwd=HOME)
        for made, path in zip((c, shared), kept):
            shutil.copyfile(made, path)
    else:
        for made, path in zip((c, shared), kept):
            shutil.copyfile(path, made)
    return missing


def translate(pyx: Path, c: Path) -> None:
    name = ".".join(pyx.relative_to(TREE).with_suffix("").parts)
    options = [word for key, value in directives().items() for word in ("-X", f"{key}={value}")]
    paths = ["-I", str(TREE), "-I", str(INCLUDE), "--module-name", name]
    run([sys.executable, "-m", "cython", *options, *paths, str(pyx), "-o", str(c)], cwd=TREE)
    c.write_text(counted(c.read_text(encoding="utf-8")), encoding="utf-8")


def build(workers: int) -> tuple[int, int]:
    """How many modules there are, and how many had to be compiled; a line for each that was."""
    OBJECTS.mkdir(parents=True, exist_ok=True)
    modules = copy_sources()
    for old in OBJECTS.iterdir():
        if old.stem not in set(modules.values()):
            old.unlink()
    compiled = 0
    with ThreadPoolExecutor(workers) as pool:
        results = pool.map(compile_module, modules, modules.values())
        for number, (pyx, missing) in enumerate(zip(modules, results), start=1):
            compiled += missing
            if missing:
                print(f"covered: compiled {number:3} of {len(modules)}: {pyx.relative_to(TREE)}", flush=True)
    return len(modules), compiled
