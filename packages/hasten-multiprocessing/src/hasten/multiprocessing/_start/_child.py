"""What a child does with its process object: become that process, run it, and say how it went."""

from __future__ import annotations

import os
import sys
import threading

from hasten.multiprocessing import _registries, util

by_atexit = False  # whether this process runs what atexit knows after run(); finalizers are among that


def run(process, parent_sentinel) -> int:
    """Run *process*, the object that this process was started for, and return the exit code.

    parent_sentinel: a descriptor that tells the parent's end, or None to ask the kernel for one when needed.
    Whatever the program raises ends here: it is printed, and the code is 1.
    """
    code = 1
    try:
        _enter(process, parent_sentinel)
        util.info("child process calling self.run()")
        process.run()
        code = 0
    except SystemExit as error:
        code = exit_code(error)
    except BaseException:
        report(process)
    finally:
        threading._shutdown()
        if not by_atexit:
            util._exit_function()
        util.info("process exiting with exitcode %d", code)
        util._flush_std_streams()
    return code


def exit_code(error) -> int:
    """The exit code that a SystemExit asks for; what is no number is printed."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    sys.stderr.write(f"{error.code}\n")
    return 1


def report(process) -> None:
    """Print the exception that is being handled, with the name of the process."""
    import traceback

    sys.stderr.write(f"Process {process.name}:\n")
    traceback.print_exc()


def leave(code) -> None:
    """End a forked child without a word to those who wait in the frames below."""
    os._exit(code & 0xFF)


def _enter(process, parent_sentinel):
    from hasten.multiprocessing.process import _ParentProcess

    if process._start_method is not None:
        _registries.force_start_method(process._start_method)
    before = _registries.process._current_process
    _registries.become(process, _ParentProcess(process._parent_name, process._parent_pid, parent_sentinel))
    util._close_stdin()
    main = threading.main_thread()
    if hasattr(main, "_set_native_id"):
        main._set_native_id()
    try:
        process._after_fork()
    finally:
        del before  # not before the hooks have run: its end may call finalizers
