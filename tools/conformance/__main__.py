"""CPython's own regression suite over hasten: `python tools/conformance --help`."""

import sys
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit("conformance: runs on Python 3.11 or newer; it can test 3.9 and newer (--python)")

if __package__:
    from .cli import main
else:  # run as a folder: its parent has to be importable, and the folder's own names not
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from conformance.cli import main

if __name__ == "__main__":
    sys.exit(main())
