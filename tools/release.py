"""Everything that a release of one distribution needs, short of the tag and the upload.

    python tools/release.py queue                          for this Python
    python tools/release.py queue thread --python python3.9 --python python3.13t

First it looks, and tells all that is in the way at once: the version, the top entry of CHANGELOG.md, what git
has (a clean tree, the tag NAME-vVERSION not given to another commit, a version above that of the last tag),
and whether all distributions of this repository can still be installed together.  Then the sdist and the
wheels (manylinux or musllinux ones, by auditwheel) go into dist/NAME-VERSION.  The wheel that is built from
the sdist has to have the same files, and each interpreter installs the wheel into a new environment, with
nothing but the declared siblings within reach, and imports it.  Nothing is tagged or uploaded: what is left
to do is printed at the end.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import sdist_contents
from check_packages import Repository, rule_changelog, rule_sibling_ranges
from distributions import (
    META,
    ROOT,
    Distribution,
    UsageError,
    discover,
    required_to_build,
    select,
    with_siblings,
)
from interpreters import Interpreter, NotFound, probe
from packaging.version import InvalidVersion, Version
from release_wheels import SMOKE, install_alone, retag
from wheelhouse import BuildEnvironment, BuildError, Job, build_all, one_at_a_time, run

ENTRY = re.compile(r"^## .*?$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
# What an environment without any other distribution of ours can say of this one.
IMPORTS = """
import importlib, importlib.metadata, sys

name, version, *modules = sys.argv[1:]
assert importlib.metadata.version(name) == version, importlib.metadata.version(name)
for module in modules:
    importlib.import_module(module)
    assert sys.modules[module].__file__.startswith(sys.prefix), sys.modules[module].__file__
print("ok")
"""


def say(text: str) -> None:
    print(f"release: {text}", flush=True)


def tag_of(distribution: Distribution) -> str:
    """One series of tags for each distribution: hasten-queue-v0.1.0."""
    return f"{distribution.name}-v{distribution.version}"


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise UsageError(f"git {' '.join(arguments)}: exit status {done.returncode}")
    return done.stdout.strip()


def version_findings(distribution: Distribution) -> Iterator[str]:
    try:
        version = Version(distribution.version)
    except InvalidVersion:
        yield f"the version {distribution.version!r} is none of PEP 440's"
        return
    if version.is_devrelease or version.local:
        yield f"the version {version} is one of development: set the one to be released in pyproject.toml"
    if str(version) != distribution.version:
        yield f"the version {distribution.version} is written {version}: tags and file names have that"


def changelog_findings(distribution: Distribution) -> Iterator[str]:
    path = distribution.folder / "CHANGELOG.md"
    entry = ENTRY.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    if entry is None or not entry[1].strip():
        yield f"CHANGELOG.md says nothing of {distribution.version}: write what changed for a user"


def git_findings(root: Path, distribution: Distribution) -> Iterator[str]:
    made_from = [str(distribution.folder), str(root / "tools" / "include")]
    changed = git(root, "status", "--porcelain", "--", *(path for path in made_from if Path(path).exists()))
    if changed:
        yield f"not committed, so that no tag could name it:\n{changed}"
    tag, head = tag_of(distribution), git(root, "rev-parse", "HEAD")
    earlier = git(root, "tag", "--list", f"{distribution.name}-v*").split()
    if tag in earlier:
        if git(root, "rev-list", "-n1", tag) != head:
            yield f"the tag {tag} is that of another commit: raise the version"
        return
    versions = [Version(found.rpartition("-v")[2]) for found in earlier]
    if versions and Version(distribution.version) <= max(versions):
        yield f"the version {distribution.version} is not above {max(versions)}, which has a tag"


def findings(root: Path, distribution: Distribution, known: dict[str, Distribution]) -> list[str]:
    """What is in the way of a release; before git is asked the version has to be one."""
    wrong = list(version_findings(distribution))
    one = Repository(root, {distribution.name: distribution}, root / ".wheelhouse")
    found = [*wrong, *rule_changelog(one), *changelog_findings(distribution)]
    found += [] if wrong else git_findings(root, distribution)
    # the whole repository: what needs this distribution has to allow its new version
    return found + list(rule_sibling_ranges(Repository(root, known, root / ".wheelhouse")))


def files_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def build_from_sdist(sdist: Path, environment: BuildEnvironment, wheel: Path) -> None:
    """pip does so where there is no wheel: what it gets has to be the same."""
    with tempfile.TemporaryDirectory(prefix="hasten-release-") as scratch:
        built = environment.build_wheel(sdist, Path(scratch))
        different = ", ".join(sorted(files_in(built) ^ files_in(wheel)))
        if different:
            raise BuildError(f"{built.name}, built from {sdist.name}, differs in {different}")


def try_alone(interpreter: Interpreter, distribution: Distribution, wheels: list[Path]) -> None:
    """Install it from the wheels, as a user would, and import all that it ships."""
    with tempfile.TemporaryDirectory(prefix="hasten-release-") as scratch:
        shelf = Path(scratch, "wheels")
        shelf.mkdir()
        for wheel in wheels:
            shutil.copy(wheel, shelf)
        wanted = f"{distribution.name}=={distribution.version}"
        python = install_alone(interpreter, Path(scratch, "env"), shelf, [wanted])
        told = [run([python, "-c", IMPORTS, distribution.name, distribution.version, *distribution.modules])]
        if distribution.name == META:
            told.append(run([python, "-m", "hasten", "-c", SMOKE], cwd=scratch))
        if set(told) != {"ok\n"}:
            raise BuildError(f"{interpreter.label}: {wanted}, installed alone, said {told!r}")


def make(
    root: Path,
    distribution: Distribution,
    known: dict[str, Distribution],
    interpreters: list[Interpreter],
    out: Path,
) -> None:
    """The sdist and the wheels in `out`, each of them tried."""
    requires, wheelhouse = required_to_build(known), root / ".wheelhouse"
    wheelhouse.mkdir(exist_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="hasten-release-") as scratch:
        sdist = Path(shutil.copy(sdist_contents.build(root, distribution, requires, Path(scratch)), out))
    missing = sdist_contents.missing(sdist, distribution)
    if missing:
        raise BuildError(f"{sdist.name} has no {', '.join(missing)}")
    say(f"{sdist.name}: built")
    with one_at_a_time(wheelhouse, interpreters):
        jobs = build_all(with_siblings([distribution], known), requires, interpreters, wheelhouse)
    for interpreter in interpreters:
        mine = [job for job in jobs if job.interpreter is interpreter]
        job = next(job for job in mine if job.distribution is distribution)
        retag(job.wheel, out)
        build_from_sdist(sdist, job.environment, job.wheel)
        try_alone(interpreter, distribution, [*others(mine, job), *fitting(out, job)])
        say(f"{interpreter.label}: installed alone and imported; the same is built from {sdist.name}")


def others(jobs: list[Job], job: Job) -> list[Path]:
    return [other.wheel for other in jobs if other is not job]


def fitting(out: Path, job: Job) -> list[Path]:
    """The wheels in `out` that the job's interpreter can take, whichever platform tag they got."""
    tags = job.wheel.name.split("-")[-3:-1]
    return [wheel for wheel in out.glob("*.whl") if wheel.name.split("-")[-3:-1] == tags]


def check_descriptions(out: Path) -> None:
    """That an index can show the README: twine's own check."""
    files = [str(path) for path in sorted(out.iterdir())]
    run([sys.executable, "-m", "twine", "check", "--strict", *files])
    say(f"{len(files)} files: their descriptions can be shown")


def next_steps(distribution: Distribution, out: Path) -> str:
    tag = tag_of(distribution)
    return (
        f"{distribution.name} {distribution.version} can be released. Nothing was tagged or uploaded. To do:"
        f"\n  git tag -a {tag} -m '{distribution.name} {distribution.version}' && git push origin {tag}\n"
        f"  the workflow wheels.yml builds the wheels of the other platforms; collect them in {out}\n"
        f"  python -m twine upload {out}/*"
    )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="release.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="+", metavar="NAME", help="such as queue; meta is hasten itself")
    parser.add_argument("--python", action="append", metavar="PYTHON", help="interpreter; may be repeated")
    parser.add_argument("--out", type=Path, help="default: dist")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository; default: this one")
    parser.add_argument("--only-look", action="store_true", help="the findings alone: nothing is built")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    root = options.root.resolve()
    ready: list[tuple[Distribution, Path]] = []
    try:
        known = discover(root)
        chosen = select(options.packages, known)
        interpreters = [probe(command) for command in options.python or [sys.executable]]
        found = [(d, finding) for d in chosen for finding in findings(root, d, known)]
        for distribution, finding in found:
            print(f"release: {distribution.name}: {finding}", file=sys.stderr)
        if found:
            return 1
        say(f"{', '.join(map(tag_of, chosen))}: nothing is in the way")
        for distribution in [] if options.only_look else chosen:
            out = (options.out or root / "dist") / f"{distribution.name}-{distribution.version}"
            make(root, distribution, known, interpreters, out)
            check_descriptions(out)
            ready.append((distribution, out))
    except (UsageError, NotFound) as error:
        print(f"release: {error}", file=sys.stderr)
        return 2
    except BuildError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    for distribution, out in ready:
        say(next_steps(distribution, out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
