"""Tests run once more by the portable ways of waiting and starting, for systems that lack better ones.

HASTEN_PORTABLE=1 chooses them, and is read at import: so in a new interpreter, one for all files of a
package.  What is tested that way is C that knows nothing of the interpreter's version.  So it is done on the
oldest and the newest version and wherever there is no GIL; with HASTEN_LONG=1 everywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

SECONDS = 280
VERSIONS = ((3, 9), (3, 15))

chosen_here = (
    sys.version_info[:2] in VERSIONS
    or bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    or bool(os.environ.get("HASTEN_LONG"))
)
once_more = pytest.mark.skipif(
    os.environ.get("HASTEN_PORTABLE") == "1" or not chosen_here,
    reason="this is the portable run, or another interpreter does it (HASTEN_LONG=1: here too)",
)


def run_portable(folder: Path, selections: dict[str, str], root: Path) -> None:
    """The tests in files below *folder* that the selections (of -k) choose; each file must have some.

    selections: file name -> which of its tests.  All must pass.
    """
    chosen = " or ".join(f"({name} and ({selection}))" for name, selection in selections.items())
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--no-header", "-k", chosen]
    done = subprocess.run(
        [*command, *(str(path) for name in selections for path in folder.rglob(name))],
        env={**os.environ, "HASTEN_PORTABLE": "1"},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    shown = {Path(line.split()[0]).name for line in done.stdout.splitlines() if ".py " in line}
    assert not set(selections) - shown, f"nothing chosen from these:\n{done.stdout[-5000:]}"
