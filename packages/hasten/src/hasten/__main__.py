"""``python -m hasten``: run a program as ``python`` would, over hasten's modules.

This file runs in the very namespace that becomes the program's ``__main__``,
so it only calls the launcher, which empties the namespace first.
"""

from hasten.patch._launcher import main

main()
