"""What every program in the folder transcripts begins with."""

import re
import sys


def say(*words):
    """Print, without what differs from run to run."""
    text = re.sub(r"0x[0-9a-f]{4,}", "0x...", " ".join(map(str, words)))
    sys.stdout.write(re.sub(r"\b\d{7,}\b", "N", text) + "\n")


def trial(function, *label):
    """Say what a call returns, or what kind of exception it raises."""
    try:
        result = function()
    except BaseException as error:
        say(*label, type(error).__name__)
    else:
        say(*label, "->", repr(result))
