"""run(), call(), check_call(), check_output(), getoutput() and getstatusoutput()."""

import subprocess as _stdlib
import sys
import types

from hasten.subprocess._shown import shown
from hasten.subprocess._supervised import run_to_end, wait_to_end

PIPE, STDOUT = _stdlib.PIPE, _stdlib.STDOUT
CalledProcessError, TimeoutExpired = _stdlib.CalledProcessError, _stdlib.TimeoutExpired
_public = sys.modules[__package__]


@shown
class CompletedProcess(_stdlib.CompletedProcess):
    """CompletedProcess(args, returncode, stdout=None, stderr=None): the result of run().

    returncode: the exit status; -N if signal N has killed the child.  stdout, stderr: bytes or str; None if
    not captured.
    """

    def __class_getitem__(cls, item, /):
        return types.GenericAlias(cls, item)

    def __init__(self, args, returncode, stdout=None, stderr=None):
        self.args, self.returncode = args, returncode
        self.stdout, self.stderr = stdout, stderr

    def __repr__(self):
        shown = [f"args={self.args!r}", f"returncode={self.returncode!r}"]
        outputs = (("stdout", self.stdout), ("stderr", self.stderr))
        shown += [f"{name}={output!r}" for name, output in outputs if output is not None]
        return f"{type(self).__name__}({', '.join(shown)})"

    def check_returncode(self):
        """Raise CalledProcessError unless returncode is 0."""
        if self.returncode:
            raise CalledProcessError(self.returncode, self.args, self.stdout, self.stderr)


@shown
def run(*popenargs, input=None, capture_output=False, timeout=None, check=False, kill_tree=False, **kwargs):
    """Run a program, wait for its end, and return a CompletedProcess.

    input: the child's stdin, bytes or str.  capture_output: capture stdout and stderr.
    timeout: seconds, any real number; None: no limit.  After it the child is killed and TimeoutExpired
    raised.
    check: raise CalledProcessError if the exit status is not 0.
    kill_tree: when the child is killed, kill its descendants too, and wait for those that still hold its
        pipes for 0.25 seconds at most.
    All other arguments are Popen's.  Blocks; releases the GIL.  Ctrl-C, or any other exception of a signal
    handler, kills the child, too.
    """
    if input is not None:
        if kwargs.get("stdin") is not None:
            raise ValueError("stdin and input arguments may not both be used.")
        kwargs["stdin"] = PIPE
    if capture_output:
        if kwargs.get("stdout") is not None or kwargs.get("stderr") is not None:
            raise ValueError("stdout and stderr arguments may not be used with capture_output.")
        kwargs["stdout"] = kwargs["stderr"] = PIPE
    process, stdout, stderr = run_to_end(_public.Popen, popenargs, kwargs, input, timeout, kill_tree)
    returncode = process.poll()
    if check and returncode:
        raise CalledProcessError(returncode, process.args, output=stdout, stderr=stderr)
    return CompletedProcess(process.args, returncode, stdout, stderr)


@shown
def call(*popenargs, timeout=None, **kwargs):
    """Run a program, wait for its end, and return its exit status.

    timeout: seconds; after it the child is killed and TimeoutExpired raised.  The other arguments are
    Popen's; do not use PIPE: the child would block once the pipe is full.  Blocks; releases the GIL.
    """
    return wait_to_end(_public.Popen, popenargs, kwargs, timeout)


@shown
def check_call(*popenargs, **kwargs):
    """call(), but an exit status other than 0 raises CalledProcessError.  Returns 0."""
    returncode = _public.call(*popenargs, **kwargs)
    if returncode:
        command = popenargs[0] if popenargs else kwargs["args"]
        raise CalledProcessError(returncode, command)
    return 0


@shown
def check_output(*popenargs, timeout=None, **kwargs):
    """Run a program and return its stdout, bytes or str.

    CalledProcessError, with the output, if the exit status is not 0.  stderr=STDOUT captures both.  input,
    timeout, kill_tree: as for run().  The other arguments are Popen's, except stdout.  Blocks; releases the
    GIL.
    """
    for name in ("stdout", "check"):
        if name in kwargs:
            raise ValueError(f"{name} argument not allowed, it will be overridden.")
    if kwargs.get("input", b"") is None:
        is_text = any(kwargs.get(name) for name in ("universal_newlines", "text", "encoding", "errors"))
        kwargs["input"] = "" if is_text else b""  # an empty stdin, not the parent's
    return _public.run(*popenargs, stdout=PIPE, timeout=timeout, check=True, **kwargs).stdout


@shown
def getstatusoutput(cmd, *, encoding=None, errors=None):
    """Run a command line in a shell; (exit status, output of stdout and stderr).

    cmd: a command line for /bin/sh, str.  The output is text without its last newline.  Blocks; releases the
    GIL.
    """
    try:
        output = _public.check_output(
            cmd, shell=True, text=True, stderr=STDOUT, encoding=encoding, errors=errors
        )
        status = 0
    except CalledProcessError as error:
        output, status = error.output, error.returncode
    return status, output[:-1] if output[-1:] == "\n" else output


@shown
def getoutput(cmd, *, encoding=None, errors=None):
    """The output of a command line in a shell: getstatusoutput() without the status."""
    return _public.getstatusoutput(cmd, encoding=encoding, errors=errors)[1]
