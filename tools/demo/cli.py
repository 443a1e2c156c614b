"""The command line of the demo: runs, progress, the table and the verdict."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from launched import NotLaunched, checked

from demo import costs
from demo.costs import DIRECT, HASTEN, PLAIN
from demo.runs import RunFailed, Series, alternate

PROGRAM = Path(__file__).resolve().parent / "index_sources.py"
SHOWN = 12  # lines of the program's output, before the table


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tools/demo",
        description="Runs index_sources.py, which knows nothing of hasten, under plain Python and under "
        "python -m hasten, in alternation; checks that both print the same and shows what each took.",
    )
    add = parser.add_argument
    add("--python", default=sys.executable, help="the interpreter, with hasten installed; default: this one")
    add("--rounds", type=int, default=3, metavar="N", help="runs of each side; default 3")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="a few files, two rounds: a look, no claim")
    sizes.add_argument("--full", action="store_true", help="all the files, which takes some minutes")
    add("-j", "--jobs", type=int, default=4, metavar="N", help="workers in the program; default 4")
    options = parser.parse_args(words)
    if options.rounds < 1 or options.jobs < 1:
        parser.error("--rounds and --jobs must be at least 1")
    return options


FILES = {  # how many files each row reads: a look, the default, and --full, where None means all
    "large items (files)": (60, 170, None),
    "small items (tokens)": (40, 120, 400),
    "tokens by an executor": (20, 60, 200),
    "tokens by processes": (10, 30, 100),
    "files through a program": (40, 120, 400),
}
OPTIONS = {
    "large items (files)": ["--items", "large"],
    "small items (tokens)": ["--items", "small"],
    "tokens by an executor": ["--items", "small", "--by", "pool"],
    "tokens by processes": ["--items", "small", "--by", "processes"],
    "files through a program": ["--by", "pool", "--pre", "cat"],
}


def rows(python: str, jobs: int, size: int) -> list[Series]:
    """The rows of the table: whole files, single tokens by queues, an executor and other processes, and files
    through a program.  size: which of FILES.
    """
    wanted = {}
    for title, files in FILES.items():
        limit = [] if files[size] is None else ["--limit", str(files[size])]
        wanted[title] = [*OPTIONS[title], *limit]
    result = []
    for title, extra in wanted.items():
        program = [str(PROGRAM), "-j", str(jobs), *extra]
        commands = {
            PLAIN: [python, *program],
            HASTEN: [python, "-m", "hasten", *program],
            DIRECT: [python, *program, "--direct"],
        }
        result.append(Series(title, commands))
    return result


def measure(series: list[Series], rounds: int) -> None:
    """All rows, with a progress display."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        for row in series:
            task = progress.add_task(row.title, total=rounds * len(row.commands))
            for name in alternate(row, rounds):
                progress.update(task, advance=1, description=f"{row.title}: {name}")
            progress.update(task, description=row.title)


def show(series: list[Series], rounds: int, python: str) -> None:
    """What the program printed, the table, and the verdict."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 140)
    lines = series[0].output.splitlines()
    console.print(
        f"All runs of a row printed the same. {series[0].title}:",
        *lines[:SHOWN],
        "...",
        sep="\n",
        highlight=False,
    )
    table = Table(title=f"Medians of {rounds} rounds, {python}", title_justify="left")
    for name in ("items", "", "wall", "CPU", "in hand-over"):
        table.add_column(name, justify="right" if name in ("wall", "CPU") else "left")
    verdicts = []
    for row in series:
        plain, hasten = costs.cost(row, PLAIN), costs.cost(row, HASTEN)
        for name, side in ((PLAIN, plain), (HASTEN, hasten)):
            title = row.title if name == PLAIN else ""
            table.add_row(title, name, f"{side.wall:.2f} s", f"{side.cpu:.2f} s", costs.amount(side))
        table.add_row(
            "",
            "ratio",
            f"{plain.wall / hasten.wall:.2f}x",
            f"{plain.cpu / hasten.cpu:.2f}x",
            costs.ratio_of_handover(plain, hasten),
            end_section=True,
        )
        verdicts.append(costs.verdict(row.title.capitalize(), plain, hasten))
    console.print(table)
    console.print(costs.EXPLANATION, style="dim")
    console.print(*verdicts, sep="\n", highlight=False)


def main(words: list[str] | None = None) -> int:
    options = arguments(words)
    rounds = min(options.rounds, 2) if options.quick else options.rounds
    try:
        python = checked(options.python)
        series = rows(python, options.jobs, 0 if options.quick else 2 if options.full else 1)
        measure(series, rounds)
    except ModuleNotFoundError as error:
        print(f"demo: needs {error.name}: {sys.executable} -m pip install {error.name}", file=sys.stderr)
        return 2
    except NotLaunched as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    except RunFailed as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    show(series, rounds, options.python)
    return 0
