"""Runs one test module of CPython in a process of its own and records every result at once.

Copied into the environment as the package `_conformance_child` and run with `-m`, so that neither
the script's folder nor a re-imported main module gets in the way of spawned children. Its argument
is a JSON file written by the driver (see process.py). Keeps to Python 3.8.

Results are JSON lines, one written per event, so that a crash loses nothing that was finished:
plan, start, done, fixture, problem, end.
"""

import faulthandler
import fnmatch
import importlib
import json
import os
import resource
import signal
import sys
import time
import unittest
import warnings

# No network, and nothing that needs gigabytes.
RESOURCES = ["audio", "cpu", "curses", "decimal", "subprocess", "tzdata", "walltime"]
TEXT_LIMIT = 6000

# How it shows that a module which is the stdlib's own stands on the redirected one below it.
RIDERS = {
    "_thread": (
        ("threading", "_start_new_thread", "start_new_thread"),
        ("threading", "_start_joinable_thread", "start_joinable_thread"),
    )
}


class Journal:
    """The file of JSON lines, and the alarm that cuts a hanging test with the stacks of all threads."""

    def __init__(self, job):
        self.fd = os.open(job["results"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.stacks = open(job["stacks"], "a")
        self.limit = job["limit"]
        self.owner = os.getpid()
        faulthandler.enable(self.stacks)
        self.rearm()

    def rearm(self):
        if os.getpid() == self.owner:
            faulthandler.dump_traceback_later(self.limit, exit=True, file=self.stacks)

    def write(self, event, **fields):
        if os.getpid() != self.owner:  # a test forked and its child came back here
            return
        fields["event"] = event
        os.write(self.fd, (json.dumps(fields) + "\n").encode())
        self.rearm()


class Recorder(unittest.TestResult):
    """Writes the outcome of each test to the journal."""

    def __init__(self, journal):
        super().__init__()
        self.journal = journal
        self.status = None

    def startTest(self, test):
        super().startTest(test)
        self.status, self.text = None, ""
        self.began = time.monotonic()
        self.journal.write("start", id=test.id())

    def stopTest(self, test):
        super().stopTest(test)
        seconds = round(time.monotonic() - self.began, 3)
        status = self.status or "passed"
        self.journal.write("done", id=test.id(), status=status, seconds=seconds, text=self.text[-TEXT_LIMIT:])
        self.status = None

    def note(self, test, status, text=""):
        if isinstance(test, unittest.suite._ErrorHolder):  # setUpClass, setUpModule and their like
            self.journal.write("fixture", id=test.id(), status=status, text=text[-TEXT_LIMIT:])
            return
        if self.status not in ("failed", "error"):
            self.status = status
        self.text += text

    def addError(self, test, err):
        self.note(test, "error", self._exc_info_to_string(err, test))

    def addFailure(self, test, err):
        self.note(test, "failed", self._exc_info_to_string(err, test))

    def addSubTest(self, test, subtest, err):
        if err is not None:
            status = "failed" if issubclass(err[0], test.failureException) else "error"
            self.note(test, status, f"{subtest.id()}\n{self._exc_info_to_string(err, test)}")

    def addSkip(self, test, reason):
        # A skipped subtest does not make the test a skipped one.
        if not hasattr(test, "test_case"):
            self.note(test, "skipped", str(reason))

    def addExpectedFailure(self, test, err):
        self.note(test, "xfailed")

    def addUnexpectedSuccess(self, test):
        self.note(test, "failed", "unexpected success")


def wrong_modules(names, redirect, test_module):
    """Sentences on modules that are not the ones this run is meant to test."""
    problems = []
    originals = redirect.originals if redirect else {}
    for name, target in names.items():
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError:
            if redirect:
                problems.append(f"import {name} fails")
            continue
        if redirect and module is not sys.modules.get(target):
            problems.append(f"import {name} gives {module.__name__}")
        elif redirect and (module is originals.get(name) or name not in redirect.said):
            problems.append(f"{target} is named {module.__name__}, its spec {module.__spec__}")
        elif not redirect and module.__name__ != name:
            problems.append(f"import {name} gives {module.__name__} in the run of the stdlib")
    if not redirect:
        return problems
    ours = [sys.modules.get(target) for target in names.values()]
    holders = [m for n, m in list(sys.modules.items()) if n.startswith("test.")]
    for holder in [test_module] + holders:
        for attribute, value in list(vars(holder).items()):
            if isinstance(value, type(sys)) and value.__name__ in names and value not in ours:
                problems.append(f"{holder.__name__}.{attribute} is the stdlib's {value.__name__}")
    return problems


def wrong_riders(names):
    """Sentences on modules of the standard library that were imported before the redirect."""
    problems = []
    for name in names:
        for rider, attribute, original in RIDERS.get(name, ()):
            module = None if rider in names else sys.modules.get(rider)
            if hasattr(module, attribute):
                if getattr(module, attribute) is not getattr(sys.modules[name], original):
                    problems.append(f"{rider}.{attribute} is not from {names[name]}")
    return problems


def wrong_witnesses(witnesses, redirect):
    """Sentences on objects that should be hasten's own and are not, or said that they are not."""
    problems = []
    for name, attribute in witnesses.items():
        home = redirect.said[name].get(attribute) or ""
        theirs = getattr(redirect.originals.get(name), attribute, None)
        if home.split(".")[0] != "hasten" or getattr(sys.modules[name], attribute) is theirs:
            problems.append(f"{name}.{attribute} is from {home!r}")
    return problems


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def enable_resources():
    from test import support

    support.use_resources = list(RESOURCES)
    support.verbose = False


def matches(test, patterns):
    return any(fnmatch.fnmatchcase(test.id(), pattern) for pattern in patterns)


def the_redirect():
    """What makes the names hasten's in this process (redirect.py)."""
    import _conformance_redirect

    return _conformance_redirect.installed()


def load(job, journal):
    """The tests to run, or None when there is nothing to count."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for name in job["names"] if job["redirected"] else ():
                importlib.import_module(name)
        for warning in caught:  # such as: the GIL has been enabled to load a module
            journal.write("problem", kind="warning", text=str(warning.message))
        enable_resources()
        module = importlib.import_module(job["module"])
    except unittest.SkipTest as reason:
        journal.write("problem", kind="module skipped", text=str(reason))
        return None
    except BaseException:
        import traceback

        journal.write("problem", kind="import failed", text=traceback.format_exc()[-TEXT_LIMIT:])
        return None
    redirect = the_redirect() if job["redirected"] else None
    if job["redirected"] and redirect is None:
        problems = ["nothing redirects here"]
    else:
        problems = wrong_modules(job["names"], redirect, module)
    if redirect and not problems:
        problems = wrong_witnesses(job["witnesses"], redirect) + wrong_riders(job["names"])
    if problems:
        journal.write("problem", kind="NOT REDIRECTED", text="; ".join(sorted(set(problems))))
        return None
    tests = list(flatten(unittest.defaultTestLoader.loadTestsFromModule(module)))
    if job["part"]:
        tests = [t for t in tests if matches(t, job["part"])]
    if job["match"]:
        tests = [t for t in tests if matches(t, job["match"])]
    tests = [t for t in tests if not matches(t, job["besides"])]
    if job["only"]:
        tests = [t for t in tests if t.id() in job["only"]]
    journal.write("plan", ids=[test.id() for test in tests])
    leave_out = set(job["leave_out"])
    return [t for t in tests if t.id() not in leave_out and not matches(t, job["apart"])]


def main():
    with open(sys.argv[1]) as file:
        job = json.load(file)
    sys.argv[1:] = []
    # A shell's `&` and some supervisors leave SIGINT ignored: interrupt tests would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # crashes are expected; their images are of no use
    journal = Journal(job)
    tests = load(job, journal)
    if tests is not None:
        unittest.TestSuite(tests).run(Recorder(journal))
    gil_on = getattr(sys, "_is_gil_enabled", lambda: True)()
    journal.write("end", gil=bool(gil_on))


if __name__ == "__main__":
    main()
