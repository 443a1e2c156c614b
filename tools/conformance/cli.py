"""The command line: what to run, and the exit status.

0: nothing lost. 1: something lost, an exempted test passed, an exemption is stale, a run was not
redirected or had the GIL switched on. 2: nothing could be run, or the command line is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from interpreters import Interpreter, NotFound

from .cpython_tests import find, find_all
from .engine import Engine, Settings, Skipped
from .judge import Verdict
from .known import BadEntry, Exemptions, load
from .screen import Screen, open_screen, summary
from .suites import SUITES, Suite

HERE = Path(__file__).resolve().parent
EXAMPLES = """\
examples:
  python tools/conformance --suite queue --python .venv/bin/python
  python tools/conformance --quick --all --wheels dist --json report.json
  python tools/conformance --calibrate --suite threading --python python3.13

hasten is taken from the wheels in --wheels, else from the environment that each --python belongs to.
A suite whose hasten module is not installed is named and skipped."""


def positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"must be more than 0, not {text}")
    return value


def count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be more than 0, not {text}")
    return value


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="conformance",
        description="Runs CPython's own regression tests, those of the interpreter under test, over hasten"
        " and over the plain standard library. What the standard library passes, hasten must pass.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--suite", action="append", choices=sorted(SUITES), metavar="NAME", help="run this suite (repeatable)"
    )
    add("--quick", action="store_true", help="run the quick suites")
    add("--usual", action="store_true", help="run all suites but the long ones")
    add("--python", action="append", metavar="NAME", help="test this interpreter: name or path (repeatable)")
    add("--all", action="store_true", help="test every interpreter found; missing ones are named")
    add("--wheels", type=Path, metavar="DIR", help="take hasten from the wheels in this folder")
    add("--calibrate", action="store_true", help="test copies of the standard library's modules instead")
    add(
        "--jobs",
        type=count,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes at a time (default: %(default)s)",
    )
    add("--limit", type=positive, default=120, metavar="SECONDS", help="for each test (default: %(default)s)")
    add(
        "--keep",
        type=Path,
        metavar="DIR",
        help="keep the standard library's results in this folder, and take them from there in the next run",
    )
    add("--match", action="append", default=[], metavar="PATTERN", help="run only tests whose id matches")
    add(
        "--known",
        type=Path,
        metavar="FILE",
        help="the exemptions (default: known.toml; none with --calibrate)",
    )
    add("--json", type=Path, metavar="FILE", help="write a complete report")
    add("--list", action="store_true", help="list the suites and stop")
    return parser


def chosen_suites(args: argparse.Namespace) -> list[Suite]:
    names = set(args.suite or ())
    everything = not (names or args.quick or args.usual)
    for name, suite in SUITES.items():
        if everything or (args.quick and suite.quick) or (args.usual and not suite.long):
            names.add(name)
    return [suite for name, suite in SUITES.items() if name in names]


def chosen_pythons(args: argparse.Namespace, screen: Screen) -> tuple[list[Interpreter], list[str]]:
    found, missing = find_all() if args.all else ([], [])
    for reason in missing:
        screen.line(f"skipped: {reason}")
    for name in args.python or ([] if args.all else [sys.executable]):
        found.append(find(name))
    return list(dict.fromkeys(found)), missing


def list_suites() -> None:
    for suite in SUITES.values():
        kind = "quick" if suite.quick else "long" if suite.long else "usual"
        print(f"{suite.name:20} {kind:6} test.{suite.module:38} {', '.join(suite.needs.values())}")


def report(
    verdicts: list[Verdict], skipped: list[Skipped], missing: list[str], stale: list[str], ok: bool
) -> dict:
    return {
        "ok": ok,
        "suites": [verdict.as_json() for verdict in verdicts],
        "skipped": [vars(entry) for entry in skipped],
        "missing_interpreters": missing,
        "stale_exemptions": stale,
    }


def exemptions(args: argparse.Namespace) -> Exemptions:
    """Those of hasten do not hold for copies of the standard library, unless they are asked for."""
    if args.known is None and args.calibrate:
        return Exemptions([])
    return Exemptions(load(args.known or HERE / "known.toml"))


def run(args: argparse.Namespace) -> int:
    known = exemptions(args)
    began = time.monotonic()
    with open_screen() as screen, tempfile.TemporaryDirectory(prefix="hasten-conformance-") as workspace:
        pythons, missing = chosen_pythons(args, screen)
        settings = Settings(args.jobs, args.limit, args.wheels, args.calibrate, args.match, args.keep)
        engine = Engine(settings, known, screen, Path(workspace))
        verdicts, skipped = engine.run(pythons, chosen_suites(args))
    # With only some tests run, an exemption that met none of them need not be stale.
    stale = [] if args.match else [str(entry) for entry in known.stale()]
    ok = bool(verdicts) and not stale and all(verdict.ok for verdict in verdicts)
    if args.json:
        args.json.write_text(json.dumps(report(verdicts, skipped, missing, stale, ok), indent=1))
    return conclude(verdicts, stale, ok, time.monotonic() - began)


def conclude(verdicts: list[Verdict], stale: list[str], ok: bool, seconds: float) -> int:
    if not verdicts:
        print(
            "conformance: nothing was run: no hasten module is installed for the chosen suites;"
            " give --wheels DIR or a --python of an environment that has hasten",
            file=sys.stderr,
        )
        return 2
    print("\n" + "\n".join(summary(verdicts)))
    for entry in stale:
        print(f"STALE EXEMPTION {entry}: no such test on any version run; take it out")
    lost = sum(len(verdict.lost) for verdict in verdicts)
    print(f"{'ok' if ok else 'FAILED'}: {lost} lost to the stdlib in {len(verdicts)} runs, {seconds:.0f} s")
    return 0 if ok else 1


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    if args.list:
        list_suites()
        return 0
    if args.wheels is not None and not args.wheels.is_dir():
        print(f"conformance: --wheels {args.wheels}: no such folder", file=sys.stderr)
        return 2
    # A terminated run clears its processes away as an interrupted one does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run(args)
    except (NotFound, BadEntry) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("conformance: interrupted", file=sys.stderr)
        return 130
