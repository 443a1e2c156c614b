"""The command line: installs and runs the programs, shows progress, the table and the verdict."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from launched import NotLaunched, checked

from programs import environment, outcome, running
from programs.table import PROGRAMS, Program

JOBS = Path(__file__).resolve().parent / "jobs"
PLAIN, HASTEN = "python", "python -m hasten"
SIDES = {PLAIN: (), HASTEN: ("-m", "hasten")}
SAME, DIFFERS, MISSING, UNFIT = "same", "differs", "not installed", "fails in plain python"
SHOWN = 6  # differences of a program that are shown


class UsageError(Exception):
    """The command line asks for what is not there; the text is one line with the way out."""


@dataclass
class Result:
    """What came out of one program.  seconds, passes: by side.  notes: what differs, why it did not run."""

    name: str
    verdict: str = SAME
    seconds: dict[str, float] = field(default_factory=dict)
    passes: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tools/programs",
        description="Real programs under plain python and python -m hasten: the same outcome, in what time.",
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="parts of programs' names; default: all")
    add("--python", default=sys.executable, help="the interpreter, with hasten's wheels; default: this one")
    add("--json", type=Path, metavar="FILE", help="write the results there too")
    add("--logs", type=Path, metavar="FOLDER", help="keep what each run printed")
    add("--limit", type=float, metavar="S", help="seconds for each run, instead of the program's own")
    add("--list", action="store_true", help="show the programs' names")
    return parser.parse_args(words)


def chosen(names: list[str]) -> list[Program]:
    for name in names:
        if not any(name.lower() in program.name.lower() for program in PROGRAMS):
            raise UsageError(f"no program {name!r}; there are: {', '.join(p.name for p in PROGRAMS)}")
    return [p for p in PROGRAMS if not names or any(name.lower() in p.name.lower() for name in names)]


def run_side(program: Program, side: str, options: argparse.Namespace) -> tuple[running.Run, dict[str, str]]:
    words = [word.replace("JOBS", str(JOBS)) for word in program.words]
    with tempfile.TemporaryDirectory(prefix="program-") as folder:
        command = [options.python, *SIDES[side], *words]
        run = running.run(command, options.limit or program.limit, Path(folder))
        read = program.read(run, Path(folder))
    if options.logs:
        options.logs.mkdir(parents=True, exist_ok=True)
        path = options.logs / f"{program.name} {side[6:] or 'plain'}.txt".replace(" ", "_").replace("'", "")
        path.write_text(f"status {run.status}, left {run.left}\n{run.out}\n--- stderr\n{run.err}")
    return run, read


def judge(program: Program, options: argparse.Namespace) -> Result:
    """Run both sides and compare."""
    result = Result(program.name)
    faults = [
        fault for needed in program.installs if (fault := environment.installed(options.python, needed))
    ]
    if faults:
        result.verdict, result.notes = MISSING, faults
        return result
    runs = {side: run_side(program, side, options) for side in SIDES}
    for side, (run, read) in runs.items():
        result.seconds[side], result.passes[side] = round(run.seconds, 2), outcome.passes(read)
    (plain, before), (ours, after) = runs[PLAIN], runs[HASTEN]
    result.notes = outcome.differences(before, after)
    broken = outcome.reason(plain, before, program.status)
    if (why := outcome.reason(ours, after, program.status)) != broken:
        result.notes.insert(0, why or f"runs; plain python: {broken}")
    elif plain.status != ours.status:
        result.notes.insert(0, f"exit status {ours.status}, not {plain.status}")
    if len(ours.left) > len(plain.left):
        result.notes.append(f"left running: {ours.left}")
    if result.notes:
        result.verdict = DIFFERS
    elif broken:
        result.verdict, result.notes = (
            UNFIT,
            [f"{broken}: {(plain.err.strip().splitlines() or [''])[-1][:160]}"],
        )
    return result


def judge_all(programs: list[Program], options: argparse.Namespace) -> list[Result]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    results = []
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(programs))
        for program in programs:
            progress.update(task, description=program.name)
            results.append(judge(program, options))
            progress.update(task, advance=1)
            progress.console.print(f"{program.name}: {results[-1].verdict}", highlight=False)
    return results


def show(results: list[Result], python: str) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table(title=f"Programs under {python}", title_justify="left")
    for name in ("program", "outcome", "passes", PLAIN, HASTEN):
        table.add_column(name, justify="right" if name in ("passes", PLAIN, HASTEN) else "left")
    for result in results:
        passes = " / ".join(dict.fromkeys(str(result.passes[side]) for side in result.passes))
        times = (f"{result.seconds[side]:.2f} s" if side in result.seconds else "" for side in SIDES)
        table.add_row(result.name, result.verdict, passes, *times)
    console.print(table)
    for result in results:
        for note in result.notes[:SHOWN]:
            console.print(f"{result.name}: {note}", highlight=False, markup=False)
        if len(result.notes) > SHOWN:
            console.print(f"{result.name}: ... and {len(result.notes) - SHOWN} more", highlight=False)


def main(words: list[str] | None = None) -> int:
    options = arguments(words)
    try:
        programs = chosen(options.names)
        if options.list:
            print(*(program.name for program in programs), sep="\n")
            return 0
        options.python = checked(options.python)
        results = judge_all(programs, options)
    except ModuleNotFoundError as error:
        print(f"programs: needs {error.name}: {sys.executable} -m pip install {error.name}", file=sys.stderr)
        return 2
    except (UsageError, NotLaunched) as error:
        print(f"programs: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("programs: interrupted", file=sys.stderr)
        return 130
    if options.json:
        about = {"python": options.python, "machine": platform.platform()}
        options.json.write_text(json.dumps({**about, "programs": [asdict(r) for r in results]}, indent=1))
    show(results, options.python)
    return 1 if any(result.verdict == DIFFERS for result in results) else 0
