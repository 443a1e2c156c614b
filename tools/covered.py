"""Which lines of hasten the tests run: python tools/covered.py [what pytest takes]

Builds everything with Cython's line tracing into .cache/coverage and runs the packages' tests over that.  For
CPython up to 3.11, where Cython tells coverage of its lines in the interpreter's own way.  What runs without
the GIL or in a child process alone counts as not run.  Failed tests are the gate's business, not this one's.
"""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from distributions import ROOT, discover
from wheelhouse import BuildError, run

HOME = ROOT / ".cache" / "coverage"
TREE = HOME / "tree"
PATIENCE = 300
COPIED = {".py", ".pyx", ".pxd", ".pxi", ".h", ".typed"}
SETTINGS = f"""\
[run]
plugins = Cython.Coverage
source = {TREE}
concurrency = thread
data_file = {HOME / "data"}
[report]
omit = *.pxd
exclude_also =
    if TYPE_CHECKING:
    ^\\s*cdef class
"""


def directives() -> dict[str, object]:
    """Cython's directives of the packages, which setup.py has, and line tracing."""
    for node in ast.parse((ROOT / "tools" / "template" / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DIRECTIVES":
            return {**ast.literal_eval(node.value), "linetrace": True}
    raise BuildError("tools/template/setup.py has no DIRECTIVES")


def copy_sources() -> list[Path]:
    """All packages' files in one tree, as they are installed; returns the modules to compile."""
    shutil.rmtree(TREE, ignore_errors=True)
    modules = []
    for distribution in discover().values():
        source = distribution.folder / "src"
        for path in source.rglob("*"):
            if path.is_file() and path.suffix in COPIED:
                target = TREE / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
                modules += [target] if path.suffix == ".pyx" else []
    return modules


def compile_module(pyx: Path) -> None:
    """The C and the shared object come to lie beside the source, where coverage's plugin looks for them."""
    name = ".".join(pyx.relative_to(TREE).with_suffix("").parts)
    include, c = ROOT / "tools" / "include", pyx.with_suffix(".c")
    options = [word for key, value in directives().items() for word in ("-X", f"{key}={value}")]
    paths = ["-I", str(TREE), "-I", str(include), "--module-name", name]
    command = [sys.executable, "-m", "cython", *options, *paths, str(pyx), "-o", str(c)]
    run(command, cwd=HOME / "elsewhere")  # from outside of the tree: the file's name is to be absolute
    target = pyx.with_name(pyx.stem + sysconfig.get_config_var("EXT_SUFFIX"))
    headers = [f"-I{path}" for path in (sysconfig.get_paths()["include"], include, pyx.parent)]
    flags = ["-shared", "-fPIC", "-O0", "-w", "-fwrapv", "-pthread", "-DCYTHON_TRACE=1"]
    run([os.environ.get("CC", "gcc"), *flags, *headers, str(c), "-o", str(target), "-lrt", "-ldl"], cwd=HOME)


def build() -> None:
    (HOME / "elsewhere").mkdir(parents=True, exist_ok=True)
    modules = copy_sources()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_module, modules))


def measure(coverage: list[str], settings: Path, file: Path, environment: dict[str, str]) -> bool:
    """Run a file of tests, whatever comes of them; False when it had to be stopped."""
    pytest = ["-m", "pytest", "-q", "-k", "not stdlib] and not stdlib- and not -stdlib", str(file)]
    command = [*coverage, "run", "--parallel-mode", f"--rcfile={settings}", *pytest]
    child = subprocess.Popen(command, env=environment, cwd=ROOT, start_new_session=True)
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return False
    return True


def figures(settings: Path) -> str:
    """The covered part of the lines of both languages."""
    import coverage

    data = coverage.Coverage(config_file=str(settings))
    data.load()
    lines = {".py": [0, 0], ".pyx": [0, 0]}
    for file in sorted(data.get_data().measured_files()):
        counts = lines.get(Path(file).suffix)
        if counts is not None:
            _, statements, _, missing, _ = data.analysis2(file)
            counts[0] += len(statements) - len(missing)
            counts[1] += len(statements)
    names = {".py": "Python", ".pyx": "Cython"}
    told = [f"{names[k]} {done / (of or 1):.1%} of {of} lines" for k, (done, of) in lines.items()]
    return "covered: " + ", ".join(told)


def main(arguments: list[str]) -> int:
    if sys.version_info >= (3, 12):
        print("covered: run it with Python 3.9 to 3.11, or as tox -e cov", file=sys.stderr)
        return 2
    try:
        build()
    except BuildError as error:
        print(f"covered: {error}", file=sys.stderr)
        return 1
    settings = HOME / "settings"
    settings.write_text(SETTINGS)
    given = [Path(argument) for argument in arguments] or sorted(ROOT.glob("packages/*/tests"))
    files = [file for path in given for file in (sorted(path.rglob("test_*.py")) or [path])]
    environment = {**os.environ, "PYTHONPATH": str(TREE)}
    coverage = [sys.executable, "-m", "coverage"]
    for old in HOME.glob("data*"):
        old.unlink()
    stopped = [file for file in files if not measure(coverage, settings, file, environment)]
    subprocess.run([*coverage, "combine", "-q", f"--rcfile={settings}"], env=environment, cwd=HOME)
    subprocess.run([*coverage, "report", f"--rcfile={settings}", "--skip-covered"], env=environment)
    for file in stopped:
        print(f"covered: without {file.relative_to(ROOT)}, which came to no end within {PATIENCE} s")
    print(figures(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
