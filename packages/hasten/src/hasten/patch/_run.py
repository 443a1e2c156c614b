"""Run a script, a module, a command or standard input as ``python`` itself does.

The program runs in the real ``__main__``.  Three things need care.

*Frames.*  Our frames lie below the program's.  The interpreter handles an exception that leaves the
program (exit status, death by SIGINT, ``-i``); only for the display, ``sys.excepthook`` is replaced by
a function that removes our entries from the traceback.  ``python -m`` and ``python
app.zip`` show two frames of ``runpy``; they run through the same function of ``runpy`` here and show
the same two.

*Lifetime.*  When the program has ended no object of ours refers to its globals: the interpreter finalises
them as it does under plain ``python``.

*Attributes.*  ``__main__`` first has the attributes of ``python -m hasten``.  It is given those that
``python`` gives it for each kind of program.
"""

import os
import sys
from _frozen_importlib import BuiltinImporter  # as in _redirect
from _frozen_importlib_external import SourceFileLoader, SourcelessFileLoader

# What python has put at the head of sys.path for the launcher: None for the current folder
launcher_folder: "str | None" = None
_ALWAYS = ("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__annotations__", "__builtins__")


def run_script(path, args):
    """Run the file, directory or zip file *path*."""
    sys.argv[:] = [path, *args]
    _blank()
    fullname = os.path.join(_cwd(), path)
    if _is_importable(path):
        _put_path0(fullname, always=True)
        return _run_by_runpy("__main__", False)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        program = getattr(sys, "orig_argv", [sys.executable])[0]
        sys.stderr.write(f"{program}: can't open file {fullname!r}: [Errno {error.errno}] {error.strerror}\n")
        sys.exit(2)
    _put_path0(os.path.dirname(os.path.realpath(path)))
    if path.endswith(".pyc"):
        loader = SourcelessFileLoader("__main__", fullname)
        return _run_code(lambda: loader.get_code("__main__"), fullname, loader)
    _run_code(lambda: _compile(source, fullname), fullname, SourceFileLoader("__main__", fullname))


def run_module(name, args):
    """Run the module or package *name*, found on sys.path."""
    sys.argv[:] = ["-m", *args]
    _blank()
    if launcher_folder is not None:
        _put_path0(_cwd())
    _run_by_runpy(name, True)


def run_command(source, args):
    """Run the text *source*."""
    sys.argv[:] = ["-c", *args]
    _blank()
    _put_path0("")
    source += "\n"
    if sys.version_info >= (3, 14) and source[0].isspace():
        from textwrap import dedent

        source = dedent(source)
    _run_code(lambda: _compile_command(source))


def run_stdin(argv):
    """Run what standard input holds; at a terminal, leave the interpreter to its prompt."""
    sys.argv[:] = argv
    _blank()
    _put_path0("")
    if sys.flags.interactive or os.isatty(0):
        return _prompt()
    source = sys.stdin.buffer.read() if sys.stdin else b""
    _run_code(lambda: _compile(source, "<stdin>"), "<stdin>")


def _prompt():
    """Have the interpreter prompt: it does so after a program under -i, or with PYTHONINSPECT set."""
    if not sys.flags.quiet:
        note = 'Type "help", "copyright", "credits" or "license" for more information.'
        sys.stderr.write(f"Python {sys.version} on {sys.platform}\n{note}\n")
    if sys.flags.ignore_environment:
        if sys.flags.inspect:
            return
        import code

        code.interact(banner="", local=_main(), exitmsg="")
        return
    startup = os.environ.get("PYTHONSTARTUP")
    if startup:
        with open(startup, "rb") as file:
            exec(_compile(file.read(), startup), _main())
    if sys.flags.inspect:
        return
    os.environ["PYTHONINSPECT"] = "1"
    set_up = getattr(sys, "__interactivehook__", lambda: None)

    def hook():  # called by the interpreter when it has seen the variable
        del os.environ["PYTHONINSPECT"]
        sys.__interactivehook__ = set_up
        set_up()

    sys.__interactivehook__ = hook


def _main():
    """The namespace of ``__main__``, not to be kept: that would keep the program's globals alive."""
    return vars(sys.modules["__main__"])


def _blank():
    """Reset ``__main__`` to its state before a program is chosen."""
    main = _main()
    for name in list(main):
        if name not in _ALWAYS:
            del main[name]
    main.update(__name__="__main__", __doc__=None, __package__=None, __spec__=None)
    main["__loader__"] = BuiltinImporter


def _put_path0(entry, always=False):
    """Replace the launcher's folder in sys.path by *entry*.

    Under -I and -P python has put none: nothing is done, unless *always*.
    """
    if sys.flags.isolated or getattr(sys.flags, "safe_path", False):
        if always:
            sys.path.insert(0, entry)
    elif sys.path and sys.path[0] == (_cwd() if launcher_folder is None else launcher_folder):
        sys.path[0] = entry
    else:  # the current folder is gone: python has put nothing
        sys.path.insert(0, entry)


def _cwd():
    try:
        return os.getcwd()
    except OSError:
        return ""


def _is_importable(path) -> bool:
    """Whether *path* can be an entry of sys.path: a directory or a zip file."""
    for hook in sys.path_hooks:
        try:
            hook(path)
        except ImportError:
            continue
        return True
    return False


def _compile(source, filename):
    if ("\0" if isinstance(source, str) else b"\0") in source:
        return compile(source, filename, "exec", dont_inherit=True)  # raises the error with its message
    if sys.version_info >= (3, 15) and (sys.warnoptions or "warnings" in sys.modules):
        # A filter may name the module that a warning of the compiler's is in.
        return compile(source, filename, "exec", dont_inherit=True, module="__main__")
    from hasten.patch._compiling import compile_program

    return compile_program(source, filename)


def _compile_command(source):
    code = _compile(source, "<string>")
    if sys.version_info >= (3, 13):
        import linecache

        # The interpreter calls this for -c, so that tracebacks show the lines.
        # 3.13.0 wants the name for a key.
        register = getattr(linecache, "_register_code", None)
        if register:
            register(code if hasattr(linecache, "_interactive_cache") else "<string>", source, "<string>")
    return code


def _run_code(load, filename=None, loader=None):
    """Run the code that *load* returns; *filename* and *loader* as ``__main__`` shows them."""
    try:
        code = load()
    except BaseException as error:
        _show_from(error, None)
        raise
    main = _main()
    if filename is not None:
        main["__file__"] = filename
        if sys.version_info < (3, 15):
            main["__cached__"] = None
    if loader is not None:
        main["__loader__"] = loader
    try:
        exec(code, main)
    except BaseException as error:
        _show_from(error, _below(error))
        raise
    finally:
        if filename is not None:  # as python does, for what follows under -i
            main.pop("__file__", None)
            main.pop("__cached__", None)


def _run_by_runpy(name, is_module):
    # The function that the interpreter calls by this name for -m: the same words in its errors, the
    # same frames in tracebacks, the real __main__ (runpy's public functions make a copy).
    from runpy import _run_module_as_main

    try:
        _run_module_as_main(name, is_module)
    except BaseException as error:
        _show_from(error, _below(error))
        raise


def _below(error):
    """The traceback of *error* without the frame that caught it."""
    return error.__traceback__ and error.__traceback__.tb_next


def _show_from(error, traceback):
    """Have the interpreter display *error* with *traceback*, which lacks our frames."""
    if isinstance(error, SystemExit) and not sys.flags.inspect:
        return  # not displayed
    program_hook = getattr(sys, "excepthook", None)

    def excepthook(kind, value, _):
        if program_hook is None:
            del sys.excepthook
            sys.stderr.write("sys.excepthook is missing\n")
        else:
            sys.excepthook = program_hook
        value.__traceback__ = traceback
        sys.last_traceback = traceback
        try:
            (program_hook or sys.__excepthook__)(kind, value, traceback)
        except BaseException as failure:
            if isinstance(failure, SystemExit) and not sys.flags.inspect:
                raise
            sys.stderr.write("Error in sys.excepthook:\n")
            failure.__traceback__ = _below(failure)
            sys.__excepthook__(type(failure), failure, failure.__traceback__)
            sys.stderr.write("\nOriginal exception was:\n")
            sys.__excepthook__(kind, value, traceback)

    sys.excepthook = excepthook
