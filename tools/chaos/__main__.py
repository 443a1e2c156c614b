"""`python tools/chaos --minutes 10`: see --help."""

import sys
from pathlib import Path

TOOLS = str(Path(__file__).resolve().parent.parent)

if __name__ == "__main__":
    # Run as a folder, sys.path starts with the folder itself; its files are modules of the package `chaos`.
    sys.path[:] = [TOOLS] + [entry for entry in sys.path if entry != str(Path(__file__).resolve().parent)]
    if sys.version_info < (3, 11):
        sys.exit("chaos: run this tool with Python 3.11 or newer; name an older interpreter with --python")
    from chaos.cli import main

    sys.exit(main())
