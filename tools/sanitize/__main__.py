"""Our C under the sanitizers: `python tools/sanitize headers` and `python tools/sanitize packages`.

headers: the unit tests beside this file, compiled with AddressSanitizer and UBSan, those with threads with
ThreadSanitizer too, each run with the futex and with the portable fallback.

packages: all packages built with AddressSanitizer and UBSan into wheels of their own, installed into the
environment of this interpreter, and their tests run there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
INCLUDE = [
    HERE / "fake_python",
    ROOT / "tools" / "include",
    ROOT / "packages/hasten-queue/src/hasten/queue",
    ROOT / "packages/hasten-sched/src/hasten/sched",
    ROOT / "packages/hasten-threading/src/hasten/threading",
]
MEMORY = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
RACES = ["-fsanitize=thread"]
STRICT = ["-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"]
MEMORY_OPTIONS = "detect_stack_use_after_return=1:abort_on_error=0"
LIMIT = 300  # seconds for one program

# The interpreter itself frees nothing at exit, so leaks are looked for in the headers' tests only.
PACKAGE_OPTIONS = "detect_leaks=0:detect_stack_use_after_return=0:allocator_may_return_null=1"


def compiler() -> str:
    return os.environ.get("CC", "gcc")


def run_program(source: Path, flags: list[str], portable: str, folder: Path) -> bool:
    program = folder / f"{source.stem}-{'races' if flags is RACES else 'memory'}"
    if not program.exists():
        include = [f"-I{path}" for path in (HERE, *INCLUDE)]
        command = [compiler(), *STRICT, *flags, *include, str(source), "-o", str(program), "-lm"]
        if subprocess.run(command).returncode:
            print(f"sanitize: {source.name} does not compile", file=sys.stderr)
            return False
    print(f"{source.name} {flags[0].partition('=')[2]} HASTEN_PORTABLE={portable}", flush=True)
    settings = {"HASTEN_PORTABLE": portable, "ASAN_OPTIONS": MEMORY_OPTIONS}
    settings["UBSAN_OPTIONS"] = "print_stacktrace=1"
    # The sanitizers reserve addresses that a randomised layout may already have given away
    command = ["setarch", "--addr-no-randomize", str(program)]
    try:
        subprocess.run(command, env={**os.environ, **settings}, timeout=LIMIT, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"sanitize: {error}", file=sys.stderr)
        return False
    return True


def headers() -> int:
    sources = sorted(HERE.glob("test_*.c"))
    with tempfile.TemporaryDirectory(prefix="hasten-sanitize-") as folder:
        results = []
        for source in sources:
            parks = source.name in ("test_park.c", "test_sleep.c")
            for flags in [MEMORY, RACES] if parks else [MEMORY]:
                for portable in "01" if parks else "0":
                    results.append(run_program(source, flags, portable, Path(folder)))
    print(f"sanitize: {results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


def runtime_library(name: str) -> str:
    told = subprocess.run(
        [compiler(), f"-print-file-name={name}"], capture_output=True, text=True, check=True
    )
    return os.path.realpath(told.stdout.strip())


def packages(arguments: list[str]) -> int:
    flags = " ".join([*MEMORY, "-g", "-O1"])
    build = {**os.environ, "CFLAGS": flags, "LDFLAGS": flags}
    wheelhouse = [sys.executable, str(ROOT / "tools" / "wheelhouse.py"), "--install"]
    subprocess.run([*wheelhouse, "--out", str(ROOT / ".cache" / "sanitize")], env=build, check=True)
    settings = {
        "LD_PRELOAD": f"{runtime_library('libasan.so')} {runtime_library('libstdc++.so')}",
        "ASAN_OPTIONS": PACKAGE_OPTIONS,
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    }
    tests = [str(path) for path in sorted(ROOT.glob("packages/*/tests"))]
    command = [sys.executable, "-m", "pytest", "--timeout=600", *(arguments or tests)]
    return subprocess.run(command, env={**os.environ, **settings}, cwd=ROOT).returncode


def main(arguments: list[str]) -> int:
    if arguments == ["headers"]:
        return headers()
    if arguments[:1] == ["packages"]:
        return packages(arguments[1:])
    print(f"sanitize: say headers or packages, not {' '.join(arguments) or 'nothing'}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
