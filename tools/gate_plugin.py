"""The plugin of gate.py: a test that failed is run again, alone, twice, each time in a process of its own.

If it passes both times it counts as flaky and no longer as failed, as long as there is room on the gate's
list (flaky_tests.py).  It is listed either way, with what it said when it failed.

What is never forgiven, because it isn't the failure of one test: an error in setup or teardown or while
tests are collected, a run that was stopped (-x, --maxfail, a limit for the whole run, an interrupt), and a
crash, after which nothing of this runs.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from xml.etree import ElementTree

import gate
import pytest
from flaky_tests import AGAIN, LIMIT, Forgiven, line_of

AT_MOST = 10  # more failures than this are no accident: none is run again
SECONDS = 300  # for one test that is run again; pytest-timeout ends most of them long before
SHOWN = 20  # lines of a run that failed again


def environment() -> str:
    """The name of tox's environment, or one like it."""
    free = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    return os.environ.get("TOX_ENV_NAME") or f"py{sys.version_info[0]}{sys.version_info[1]}{free}"


def options_of(config: pytest.Config) -> list[str]:
    """The options that say how tests run; not those that choose tests, stop early or write files."""
    option = config.option
    options = [f"--rootdir={config.rootpath}", f"--import-mode={option.importmode}", "-q"]
    if config.inipath is not None:
        options += ["-c", str(config.inipath)]
    for flag, name in (("-o", "override_ini"), ("-p", "plugins"), ("-W", "pythonwarnings")):
        for value in getattr(option, name, None) or []:
            options += [flag, value]
    if getattr(option, "timeout", None) is not None:
        options.append(f"--timeout={option.timeout}")
    return options


def run_killable(command: list[str], cwd: Path) -> tuple[int | None, str]:
    """Its exit status and output; None for the status when it took too long and was killed."""
    child = subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = child.communicate(timeout=SECONDS)
        return child.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        return None, child.communicate()[0]
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        raise


def passed_one(report: Path) -> bool:
    """Does the JUnit report tell of a test that ran, and of nothing that failed or was skipped?"""
    if not report.exists():
        return False
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))

    def total(kind: str) -> int:
        return sum(int(suite.get(kind, "0")) for suite in suites)

    return total("tests") > 0 and not total("failures") + total("errors") + total("skipped")


class FreezeCollected:
    """Keeps the collected tests, thousands of objects that stay, from the garbage collector.

    Tests collect garbage often, and a forked child gets a copy of each page that the collector writes to.
    """

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        gc.collect()
        gc.freeze()


class RunAgain:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []  # what the summary says of each test that was run again
        self.flaky: list[pytest.TestReport] = []
        self.over = False

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Take the flaky tests out of the failed ones before the summary is written."""
        stopped = session.shouldfail or session.shouldstop
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if session.exitstatus != pytest.ExitCode.TESTS_FAILED or stopped or reporter is None:
            return
        by_test: dict[str, list[pytest.TestReport]] = {}
        for report in reporter.stats.get("failed", []):
            by_test.setdefault(report.nodeid, []).append(report)
        wrong_elsewhere = {report.nodeid for report in reporter.stats.get("error", [])}
        if len(by_test) > AT_MOST:
            self.lines.append(f"gate: {len(by_test)} tests failed: none was run again")
            return
        forgiven = Forgiven()
        for test, reports in by_test.items():
            # A worker of pytest-xdist that dies is reported as a failure too, in no phase of a test
            its_own = all(report.when == "call" for report in reports)
            if its_own and test not in wrong_elsewhere and self.passes_alone(session.config, reporter, test):
                self.forgive(session, reporter, forgiven, reports)
        if not session.testsfailed and not {"failed", "error"} & set(reporter.stats):
            session.exitstatus = pytest.ExitCode.OK

    def passes_alone(self, config: pytest.Config, reporter: pytest.TerminalReporter, test: str) -> bool:
        for number in range(1, AGAIN + 1):
            reporter.ensure_newline()
            reporter.write_line(f"gate: again, alone ({number} of {AGAIN}): {test}")
            told = self.once_alone(config, test)
            if told:
                self.lines.append(f"gate: failed again ({number} of {AGAIN}): {test}")
                self.lines += told
                return False
        return True

    def once_alone(self, config: pytest.Config, test: str) -> list[str]:
        """Nothing when the test passed, else the last lines of what it said."""
        report, marker = self.folder / "alone.xml", self.folder / "alone"
        for old in (report, marker):
            old.unlink(missing_ok=True)
        # a cache of its own: --lf and --sw of the next run are to see what this one has left there
        options = [f"--junitxml={report}", "-o", f"cache_dir={self.folder / 'cache'}", *options_of(config)]
        command = gate.inside_command(gate.ALONE, marker, [*options, f"{config.rootpath}/{test}"])
        status, output = run_killable(command, config.invocation_params.dir)
        if status == 0 and marker.exists() and passed_one(report):
            return []
        # indented, so that its closing line is not taken for the run's
        said = [f"  | {line}" for line in output.splitlines()[-SHOWN:]]
        how = f"no end within {SECONDS} s" if status is None else f"exit status {status}"
        return [*said, f"  | ({how})"]

    def forgive(
        self,
        session: pytest.Session,
        reporter: pytest.TerminalReporter,
        forgiven: Forgiven,
        reports: list[pytest.TestReport],
    ) -> None:
        test = reports[0].nodeid
        self.lines.append(line_of(environment(), test))
        if not forgiven.add(environment(), test):
            self.over = True
            return
        self.flaky.append(reports[0])
        left = [report for report in reporter.stats["failed"] if report not in reports]
        reporter.stats.setdefault("flaky", []).append(reports[0])
        reporter.stats["failed"] = left
        if not left:
            del reporter.stats["failed"]  # pytest asks whether the key is there
        session.testsfailed -= len(reports)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for report in self.flaky:
            terminalreporter.section(f"flaky: {report.nodeid}", sep="_")
            terminalreporter.write_line(report.longreprtext)
            for name, content in report.sections:
                terminalreporter.section(name, sep="-")
                terminalreporter.write_line(content.rstrip())
        if self.lines:
            terminalreporter.section("run again, alone")
        for line in self.lines:
            terminalreporter.write_line(line)
        if self.over:
            terminalreporter.write_line(f"gate: more than {LIMIT} flaky tests in this gate: FAILED")
