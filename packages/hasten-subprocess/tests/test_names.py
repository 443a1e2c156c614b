"""The public names, their signatures and help, and that no method is the standard library's."""

import inspect
import subprocess
import types

import pytest

import hasten.subprocess as ours

POPEN = (
    "args, bufsize=-1, executable=None, stdin=None, stdout=None, stderr=None, "
    "preexec_fn=None, close_fds=True, shell=False, cwd=None, env=None, universal_newlines=None, "
    "startupinfo=None, creationflags=0, restore_signals=True, start_new_session=False, pass_fds=(), *, "
    "user=None, group=None, extra_groups=None, encoding=None, errors=None, text=None, "
    "umask=-1, pipesize=-1, process_group=None"
)
SIGNATURES = {
    "Popen": f"({POPEN})",
    "Popen.__init__": f"(self, {POPEN})",
    "Popen.communicate": "(self, input=None, timeout=None)",
    "Popen.poll": "(self)",
    "Popen.wait": "(self, timeout=None)",
    "Popen.send_signal": "(self, sig)",
    "Popen.terminate": "(self)",
    "Popen.kill": "(self)",
    "CompletedProcess": "(args, returncode, stdout=None, stderr=None)",
    "CompletedProcess.check_returncode": "(self)",
    "CalledProcessError": "(returncode, cmd, output=None, stderr=None)",
    "TimeoutExpired": "(cmd, timeout, output=None, stderr=None)",
    "call": "(*popenargs, timeout=None, **kwargs)",
    "check_call": "(*popenargs, **kwargs)",
    "check_output": "(*popenargs, timeout=None, **kwargs)",
    "getoutput": "(cmd, *, encoding=None, errors=None)",
    "getstatusoutput": "(cmd, *, encoding=None, errors=None)",
    "list2cmdline": "(seq)",
}
RUN = "(*popenargs, input=None, capture_output=False, timeout=None, check=False, **kwargs)"
ALL = ["Popen", "PIPE", "STDOUT", "call", "check_call", "getstatusoutput", "getoutput", "check_output", "run"]
ALL += ["CalledProcessError", "DEVNULL", "SubprocessError", "TimeoutExpired", "CompletedProcess"]
NO_METHODS = {"__module__", "__dict__", "__weakref__", "__doc__", "__firstlineno__", "__static_attributes__"}


def find(path):
    found = ours
    for name in path.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("path", SIGNATURES)
def test_signature(path):
    assert str(inspect.signature(find(path))) == SIGNATURES[path]


def test_signature_of_run():
    """With what we have added, by keyword only and off by default."""
    signature = inspect.signature(ours.run)
    added = [parameter for name, parameter in signature.parameters.items() if name not in RUN]
    assert all(p.kind is p.KEYWORD_ONLY and p.default in (False, None) for p in added)
    standard = [parameter for name, parameter in signature.parameters.items() if name in RUN]
    assert str(signature.replace(parameters=standard)) == RUN


@pytest.mark.parametrize("path", [*SIGNATURES, "run", "Popen.kill_tree", "wait_any", "SubprocessError"])
def test_help(path):
    assert inspect.getdoc(find(path))


def test_public_names():
    assert set(subprocess.__all__) | set(ALL) <= set(ours.__all__)
    assert set(ours.__all__) - set(ALL) == {"wait_any"}
    assert len(set(ours.__all__)) == len(ours.__all__)
    for name in ours.__all__:
        assert hasattr(ours, name)


@pytest.mark.parametrize("name", ["PIPE", "STDOUT", "DEVNULL"])
def test_constants(name):
    assert getattr(ours, name) == getattr(subprocess, name)


@pytest.mark.parametrize("name", ["list2cmdline", "_active", "_cleanup", "_args_from_interpreter_flags"])
def test_names_that_programs_use_although_they_are_not_public(name):
    assert hasattr(ours, name)


@pytest.mark.parametrize("name", ["Popen", "CompletedProcess"])
def test_no_method_is_the_standard_librarys(name):
    cls = getattr(ours, name)
    theirs = {a for base in cls.__mro__ if base.__module__ == "subprocess" for a in vars(base)}
    for attribute in theirs - NO_METHODS:
        if attribute.startswith("_") and not attribute.endswith("__"):
            continue  # called by the standard library's own methods alone, and those are never reached
        home = next(base for base in cls.__mro__ if attribute in vars(base))
        value = vars(home)[attribute]
        if isinstance(value, classmethod) and attribute == "__class_getitem__":
            continue  # types.GenericAlias itself
        if callable(value) or isinstance(value, property):
            assert home.__module__.startswith("hasten.subprocess"), f"{name}.{attribute} comes from {home}"


@pytest.mark.parametrize("name", ["Popen", "CompletedProcess"])
def test_names_of_classes(name):
    cls = getattr(ours, name)
    assert (cls.__module__, cls.__qualname__) == ("hasten.subprocess", name)
    assert issubclass(cls, getattr(subprocess, name))


@pytest.mark.parametrize("name", ALL)
def test_functions_are_our_own(name):
    found = getattr(ours, name)
    if isinstance(found, (types.FunctionType, types.BuiltinFunctionType)):
        assert found.__module__.startswith("hasten.subprocess")


def test_no_private_module_of_the_interpreter(python):
    """The work is done without _posixsubprocess: it may be missing."""
    program = """
import sys
import subprocess
def forbidden(*_):
    raise AssertionError("fork_exec was called")
for module in sys.modules.get("_posixsubprocess"), subprocess:
    for name in "fork_exec", "_fork_exec":
        if hasattr(module, name):
            setattr(module, name, forbidden)
from hasten.subprocess import Popen, PIPE, run
for options in {}, {"preexec_fn": int}, {"close_fds": False}, {"cwd": "/"}:
    print(run(["echo", "a"], stdout=PIPE, **options).stdout)
"""
    assert python(program).splitlines() == ["b'a\\n'"] * 4
