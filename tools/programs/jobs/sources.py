"""Makes the folder "sources": a package of modules for programs that read sources with several workers.

sources.py MODULE [ARGUMENT ...]    makes it and then runs the program MODULE on it, as python -m does
"""

import runpy
import sys
from pathlib import Path

MODULE = '''
"""Module {n}."""
import os
def  area_{n}( width,height ):
    unused = {n}
    return  width*height
class Shape{n}:
      def size(self): return area_{n}( 1,{n} )
'''


def main():
    folder = Path("sources")
    folder.mkdir()
    (folder / "__init__.py").write_text('"""A package."""\n')
    for number in range(24):
        (folder / f"module_{number}.py").write_text(MODULE.format(n=number))
    del sys.argv[0]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    finally:
        for path in sorted(folder.glob("*.py")):
            print(path.name, hash_of(path.read_text()), flush=True)


def hash_of(text):
    return sum(ord(char) * (index % 251 + 1) for index, char in enumerate(text))


if __name__ == "__main__":
    main()
