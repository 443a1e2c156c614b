"""`python tools/covered`: see --help."""

import sys
from pathlib import Path

TOOLS = str(Path(__file__).resolve().parent.parent)

if __name__ == "__main__":
    # Run as a folder, sys.path starts with the folder itself; its files are modules of a package.
    sys.path[:] = [TOOLS] + [entry for entry in sys.path if entry != str(Path(__file__).resolve().parent)]
    if not (3, 10) <= sys.version_info < (3, 12):
        sys.exit("covered: run it with Python 3.10 or 3.11, or as tox -e cov")
    from covered.cli import main

    sys.exit(main())
