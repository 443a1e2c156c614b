"""`python tools/bench queue thread`: compare hasten with the standard library. See --help."""

import sys
from pathlib import Path

TOOLS = str(Path(__file__).resolve().parent.parent)

if __name__ == "__main__":
    # Run as a folder, sys.path starts with the folder itself, and its files would hide equally named modules.
    sys.path[:] = [TOOLS] + [entry for entry in sys.path if entry != str(Path(__file__).resolve().parent)]
    if sys.argv[1:2] == ["--worker"]:
        from bench.worker import main
    elif sys.version_info < (3, 11):
        sys.exit("bench: run this tool with Python 3.11 or newer; name older interpreters with --python")
    else:
        from bench.cli import main
    sys.exit(main())
