# cython: freethreading_compatible=True
"""What a child does with its process object: become that process, run it, and say how it went.

What programs replace (functions of util and atexit, threading._shutdown(), os._exit(), methods of processes)
is looked up when it is called.
"""

import atexit
import os
import sys
import threading

from hasten.multiprocessing import _registries, util
from hasten.multiprocessing._start import _sentinel, _streams
from hasten.multiprocessing.process import _AFTER_FORK, _ORIGINALS, _ParentProcess

by_atexit = 0  # the process that runs what atexit knows after run(); finalizers are among that
# Read as dicts: an attribute that is read of a module counts a reference to its name, which copies a page.
cdef dict of_util = vars(util), of_process = vars(_registries.process), of_atexit = vars(atexit)
cdef object our_bootstrap = _ORIGINALS[0], our_after_fork = _AFTER_FORK
# Without hooks it has nothing to run.  None if a program has replaced it: that one is called in any case.
cdef object standard_after_forkers = _registries.as_it_was(util._run_after_forkers, util)


def be(process, standing_alone, pipes):
    """Run *process* in the child of a fork(), and end it: nothing returns into the parent's frames.

    standing_alone: whether the parent had no other threads.  pipes: where there are no pidfds, the parent's
    sentinel, what the child keeps for it, the child's sentinel, and what the parent keeps for that.
    """
    code = 1
    try:
        if not standing_alone:
            _streams.renew()
        exit_by_atexit()
        if pipes is not None:
            sentinel, _, parent_sentinel, ours = pipes
            of_util["close_fds"](sentinel, ours)
            code = process._bootstrap(parent_sentinel=parent_sentinel)
        elif is_standard(process):
            code = run(process, None)
        else:
            code = process._bootstrap(parent_sentinel=_sentinel.sentinel_of_parent(process._parent_pid))
    finally:
        leave(code)


cdef bint is_standard(process) except -1:
    """Whether the process runs by our _bootstrap(), which opens its parent's descriptor when it is needed."""
    if type(process)._bootstrap is not our_bootstrap or "_bootstrap" in vars(process):
        return False
    return of_process["BaseProcess"]._bootstrap is _registries.BOOTSTRAP


def exit_by_atexit():
    """Let what atexit knows be what this child, which has just been forked, does at its end."""
    global by_atexit
    of_atexit["_clear"]()
    of_atexit["register"](of_util["_exit_function"])
    by_atexit = os.getpid()


def run(process, parent_sentinel) -> int:
    """Run *process*, the object that this process was started for, and return the exit code.

    parent_sentinel: a descriptor that tells the parent's end, or None to ask the kernel for one when needed.
    Whatever the program raises ends here: it is printed, and the code is 1.
    """
    code = 1
    try:
        enter(process, parent_sentinel)
        of_util["info"]("child process calling self.run()")
        process.run()
        code = 0
    except SystemExit as error:
        code = exit_code(error)
    except BaseException:
        report(process)
    finally:
        threading._shutdown()
        if by_atexit != os.getpid():
            of_util["_exit_function"]()
        of_util["info"]("process exiting with exitcode %d", code)
        of_util["_flush_std_streams"]()
    return code


cdef exit_code(error):
    """The exit code that a SystemExit asks for; what is no number is printed."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    sys.stderr.write(str(error.code) + "\n")
    return 1


cdef report(process):
    """Print the exception that is being handled, with the name of the process."""
    import traceback

    sys.stderr.write(f"Process {process.name}:\n")
    traceback.print_exc()


def leave(code):
    """End a forked child: run what atexit knows, without a word to those who wait in the frames below."""
    try:
        of_atexit["_run_exitfuncs"]()
    finally:
        os._exit(code & 0xFF)


cdef enter(process, parent_sentinel):
    """Let this process be the one of the object *process*."""
    if process._start_method is not None:
        _registries.context._force_start_method(process._start_method)
    before = of_process["_current_process"]
    _registries.become(process, _ParentProcess(process._parent_name, process._parent_pid, parent_sentinel))
    of_util["_close_stdin"]()
    main = threading.main_thread()
    set_native_id = getattr(main, "_set_native_id", None)
    if set_native_id is not None:
        set_native_id()
    try:
        if type(process)._after_fork is not our_after_fork or "_after_fork" in vars(process):
            process._after_fork()
        else:
            of_util["_finalizer_registry"].clear()
            run_hooks = of_util["_run_after_forkers"]
            if run_hooks is not standard_after_forkers or of_util["_afterfork_registry"].data:
                run_hooks()
    finally:
        del before  # not before the hooks have run: its end may call finalizers
