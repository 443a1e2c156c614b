"""The command line: what to measure, with which interpreters, and where the results go."""

from __future__ import annotations

import argparse
import datetime
import fnmatch
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from stress.soaking import verdicts
from stress.stressing import summary

from bench import chart, document, report
from bench.cases import Suite
from bench.environments import NoEnvironment, prepare
from bench.measuring import Findings, Job, run_worker
from bench.ratios import Row, load_goals
from bench.sampler import Plan
from bench.suites import load_suite, names

QUICK = Plan(rounds=3, sample=5_000_000, longest=200_000_000)
EXAMPLES = """
examples:
  python tools/bench queue                              this Python, which must have hasten-queue
  python tools/bench queue thread --python python3.11 --python python3.13t --table t.md --chart c.svg
  python tools/bench queue --filter 'ping-pong*' --rounds 21
  python tools/bench queue --soak                       a million operations; the memory must not grow
  python tools/bench threading --stress 10 --python python3.13t
                                                        all primitives at once, ten minutes, totals verified
  python tools/bench --from-json a.json b.json --table both.md

exit status: 0 fine; 1 a wrong result, a hang, growing memory, or a ratio the gate refuses; 2 a mistake in the
call
"""


class UsageError(Exception):
    """A mistake in the call; the text is one line with the way out."""


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tools/bench",
        description="Compares hasten with the standard library, in alternation, and verifies each result.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "suites",
        nargs="*",
        metavar="SUITE",
        help=f"{', '.join(names())}, or a file with a SUITE; default: all",
    )
    add(
        "--python",
        action="append",
        metavar="PYTHON",
        help="interpreter to measure; may be repeated; default: this one",
    )
    add("--rounds", type=int, metavar="N", help=f"samples of each side; default {Plan().rounds}")
    add("--quick", action="store_true", help=f"{QUICK.rounds} short rounds: a look, no claim")
    add("--filter", action="append", metavar="PATTERN", help="only rows that match (part of the name, or *?)")
    add("--list", action="store_true", help="show the rows and end")
    add("--json", type=Path, metavar="FILE", help="write every sample")
    add(
        "--table",
        type=Path,
        metavar="FILE",
        help="write the tables in markdown; they are printed in any case",
    )
    add(
        "--chart",
        type=Path,
        metavar="FILE",
        help="draw the ratios as FILE.svg and FILE.png (needs matplotlib)",
    )
    add(
        "--from-json",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="report earlier results instead of measuring",
    )
    add(
        "--gate",
        type=float,
        nargs="?",
        const=0.7,
        metavar="SHARE",
        help="fail if a ratio is below this share of its goal; default 0.7",
    )
    add(
        "--soak",
        type=int,
        nargs="?",
        const=1_000_000,
        default=0,
        metavar="N",
        help="work hasten alone for N operations (default a million) and watch the memory",
    )
    add(
        "--stress",
        type=float,
        nargs="?",
        const=10,
        default=0,
        metavar="MINUTES",
        help="play every primitive of hasten at once, in many threads, and verify all totals; default 10",
    )
    add("--seed", type=int, metavar="N", help="of a stress; default: another one each time, which is shown")
    add(
        "--limit",
        type=float,
        default=300,
        metavar="SECONDS",
        help="a row that takes longer hangs; default 300",
    )
    add("--report", action="store_true", help="make the pages of results from tools/bench/results")
    add("--env-dir", type=Path, metavar="DIR", help="keep the environments made for --python here")
    options = parser.parse_args(words)
    if options.stress < 0:
        parser.error(f"--stress must be a number of minutes, not {options.stress:g}")
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds must be at least 1, not {options.rounds}")
    return options


def matches(name: str, patterns: list[str] | None) -> bool:
    """Whether a row was asked for."""
    if not patterns:
        return True
    return any(fnmatch.fnmatch(name.lower(), f"*{pattern.lower()}*") for pattern in patterns)


def chosen(options: argparse.Namespace) -> tuple[dict[str, Suite], dict[str, list[str]]]:
    """The suites, and the rows of each that the filter leaves."""
    try:
        suites = {name: load_suite(name) for name in options.suites or names()}
    except ValueError as error:
        raise UsageError(str(error)) from error
    rows = {
        name: [case.name for case in suite.cases if matches(case.name, options.filter)]
        for name, suite in suites.items()
    }
    if not any(rows.values()):
        raise UsageError(f"no row matches {', '.join(map(repr, options.filter))}; --list shows them")
    return suites, rows


def plan_of(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else Plan()
    return plan if options.rounds is None else Plan(options.rounds, plan.sample, plan.longest)


def measure(options: argparse.Namespace, job: Job) -> Findings:
    """Every interpreter in turn; each alternates the implementations within itself."""
    findings = Findings()
    suites = list(job.suites.values())
    packages = sorted({name for suite in suites for name in suite.packages or (suite.name,)})
    imports = [suite.imports or f"hasten.{suite.name}" for suite in suites]
    with tempfile.TemporaryDirectory(prefix="hasten-bench-") as temporary:
        folder = options.env_dir or Path(temporary)
        for python in options.python or [sys.executable]:
            ready = prepare(python, packages, imports, folder) if options.python else python
            run_worker(ready, job, findings)
    return findings


def write(options: argparse.Namespace, rows: list[Row], meta: dict[str, Any]) -> None:
    """The results, to wherever they were asked for."""
    text = report.markdown(rows, meta)
    print(text)
    if options.table:
        options.table.write_text(text, encoding="utf-8")
    if options.json:
        report.save(options.json, rows, meta)
    if options.chart:
        chart.draw(rows, [options.chart.with_suffix(".svg"), options.chart.with_suffix(".png")])


def gate(rows: list[Row], share: float) -> list[str]:
    """The rows that miss even this share of their goal, or exceed their limit by as much."""
    short = [
        f"{row.python} {row.suite}, {row.case}: {row.gain.median:.2f}x, "
        f"below {share:.0%} of the goal {row.goal:g}"
        for row in rows
        if row.below(share)
    ]
    over = [
        f"{row.python} {row.suite}, {row.case}: {report.amount(row, row.own)}, "
        f"above {report.amount(row, row.most / share)}"
        for row in rows
        if row.own is not None and row.most is not None and row.above(share)
    ]
    return short + over


def run(options: argparse.Namespace) -> int:
    if options.report:
        print(*document.write(), sep="\n")
        return 0
    if options.from_json:
        rows, meta = report.load(options.from_json)
        failures: list[str] = []
    else:
        suites, cases = chosen(options)
        if options.list:
            for name, wanted in cases.items():
                print(*(f"{name}: {case}" for case in wanted), sep="\n")
            return 0
        plan = plan_of(options)
        host = report.machine()
        seed = random.randrange(10**9) if options.seed is None else options.seed
        if options.stress:
            print(f"seed {seed}", file=sys.stderr)
        job = Job(suites, cases, plan, options.limit, options.soak, options.stress, seed, load_goals())
        findings = measure(options, job)
        rows, failures = findings.rows, findings.failures
        failures += verdicts(findings.soaks)
        for stress in findings.stresses:
            print(summary(stress))
        for name, reason in findings.skipped.items():
            print(f"left out: {name}: {reason}", file=sys.stderr)
        meta = {
            "date": datetime.date.today().isoformat(),
            "machine": host,
            "pythons": findings.pythons,
            "rounds": plan.rounds,
            "sample_ms": plan.sample // 10**6,
        }
    if rows:
        write(options, rows, meta)
    if options.gate is not None:
        failures += gate(rows, options.gate)
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)
    return 1 if failures else 0


def main(words: list[str] | None = None) -> int:
    options = arguments(words)
    try:
        return run(options)
    except (UsageError, NoEnvironment, chart.NoChart, OSError, ValueError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
