"""Where everything of a run lies: .cache/coverage."""

from __future__ import annotations

from distributions import ROOT

HOME = ROOT / ".cache" / "coverage"
TREE = HOME / "tree"  # all packages as they are installed, the C and the shared objects beside the sources
OBJECTS = HOME / "objects"  # what has been compiled, by the digest of what it is made from
RUNS = HOME / "runs"  # a folder for each file of tests: its data, and what pytest printed
SETTINGS = HOME / "settings"
DATA = HOME / "data"
TIMES = HOME / "times.json"  # the seconds that each file took in the last run
