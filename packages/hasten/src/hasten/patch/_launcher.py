"""The command line of ``python -m hasten``."""

import os
import sys

from hasten import patch

if hasattr(patch, "_bundle"):
    patch._bundle.load("_run", "_rebind", "_compiling")

from hasten.patch import _run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

USAGE = """\
usage: python [PYTHON-OPTION...] -m hasten [OPTION...] [SCRIPT | -m MODULE | -c CODE | -] [ARG...]
       hasten [OPTION...] [SCRIPT | -m MODULE | -c CODE | -] [ARG...]

Run a Python program as python does, with modules of the standard library replaced by hasten's.
Without a program, standard input is read.

  --only NAME,...    replace these modules only
  --except NAME,...  do not replace these modules
  --report           say at exit, on standard error, what was replaced
  --inherit          replace in every Python that the program starts, too
  --help, --version

multiprocessing's children always inherit. python's own options go before -m hasten:
    python -X dev -W error -m hasten app.py
"""


class UsageError(Exception):
    """The command line cannot be understood."""


class Options:
    """What the command line says."""

    run: "Callable[..., None]"
    arguments: tuple

    def __init__(self):
        self.only = self.exclude = None
        self.report = self.inherit = self.show_help = self.show_version = False
        self.run, self.arguments = _run.run_stdin, ([""],)


def script():
    """What the installed script ``hasten`` does: as ``python -m hasten``, without what ``-m`` imports."""
    _run.launcher_folder = os.path.dirname(os.path.realpath(sys.argv[0]))
    main()


def main():
    try:
        options = parse(sys.argv[1:])
        if options.show_help or options.show_version:
            sys.stdout.write(USAGE if options.show_help else f"hasten {_version()}\n")
            return
        installation = patch.install(only=options.only, exclude=options.exclude)
    except (UsageError, patch.UnknownModule, patch.NotInstalled, patch.Refused) as error:
        sys.stderr.write(f"hasten: {error}\n")
        sys.exit(2)
    if options.inherit:
        from hasten.patch import _children

        _children.inherit(os.environ)
    if options.report:
        from hasten.patch import _report

        _report.at_exit(installation)
    options.run(*options.arguments)


def parse(args) -> Options:
    """Read options up to the program; the arguments after it are the program's."""
    options = Options()
    args = list(args)
    while args:
        arg = args.pop(0)
        if arg == "-" or not arg.startswith("-"):
            return _program(options, arg, args)
        if arg.startswith(("-m", "-c")):
            value = arg[2:] or _value_of(arg, args)
            options.run = _run.run_module if arg[1] == "m" else _run.run_command
            options.arguments = (value, args)
            return options
        if arg == "--":
            return _program(options, args.pop(0), args) if args else options
        _read_option(options, arg, args)
    return options


def _program(options, path, args):
    if path == "-":
        options.arguments = (["-", *args],)
    else:
        options.run, options.arguments = _run.run_script, (path, args)
    return options


def _read_option(options, arg, args):
    name, equals, value = arg.partition("=")
    if name in ("--only", "--except"):
        value = value if equals else _value_of(name, args)
        setattr(options, "only" if name == "--only" else "exclude", value)
    elif arg in ("--report", "--inherit"):
        setattr(options, arg[2:], True)
    elif arg in ("--help", "-h"):
        options.show_help = True
    elif arg in ("--version", "-V"):
        options.show_version = True
    else:
        raise UsageError(f"unknown option {arg!r}; python's own options go before -m hasten (see --help)")


def _value_of(option, args):
    if not args:
        raise UsageError(f"argument expected for the {option} option")
    return args.pop(0)


def _version():
    from importlib.metadata import version

    return version("hasten")
